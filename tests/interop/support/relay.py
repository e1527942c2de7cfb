"""A loopback HTTP server in front of a model that keeps every question and answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .sdk import APIS, CHAT, MESSAGES, RESPONSES, Api, Json

PATHS = {"/v1/messages": MESSAGES, "/v1/chat/completions": CHAT, "/v1/responses": RESPONSES}


@dataclass(frozen=True)
class Exchange:
    api: Api
    headers: dict[str, str]
    """Their names in lower case."""
    request: Json
    status: int
    answer: str


Answering = Callable[[Api, Json], tuple[int, str]]


class Relay:
    """`answering` gets each question and gives status and body of the answer."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._kept: list[Exchange] = []
        self._lock = threading.Lock()
        self.address = ""

    def base_url(self, api: Api) -> str:
        return self.address if api is MESSAGES else f"{self.address}/v1"

    def kept(self, api: Api | None = None) -> list[Exchange]:
        with self._lock:
            return [exchange for exchange in self._kept if api in (None, exchange.api)]

    @contextmanager
    def listening(self) -> Iterator[Relay]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                api = PATHS[self.path]
                status, answer = relay._answering(api, request)
                headers = {name.lower(): value for name, value in self.headers.items()}
                with relay._lock:
                    relay._kept.append(Exchange(api, headers, request, status, answer))
                body = answer.encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


assert set(PATHS.values()) == set(APIS)
