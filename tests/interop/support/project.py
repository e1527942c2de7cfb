"""A Hookyard project in a folder of its own, and the program as a user runs it."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import tempfile
import threading
import time
import tomllib
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PROGRAM = Path(os.environ["HOOKYARD"]).resolve()

# Nothing takes this long: what a test waits for longer will not come, and the test ends instead of hanging.
PATIENCE_S = 120.0
# Between two looks at what tells of no change by itself.
LOOK_S = 0.02

FORMS_SECRET = "secret-of-the-interop-tests"


class Project:
    """What `hookyard init` writes, to be changed at will."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hookyard-interop-")
        self.path = Path(self._folder.name) / "yard"
        # Nothing of the caller's environment: a key or a proxy that stands there must not change what is tested.
        self.env = {"PATH": os.environ.get("PATH", ""), "FORMS_WEBHOOK_SECRET": FORMS_SECRET}
        subprocess.run([PROGRAM, "init", self.path], check=True, stdout=subprocess.DEVNULL, env=self.env)

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def models(self) -> list[Json]:
        return tomllib.loads(self.read("config/models.toml"))["model"]

    def cases(self, classifier: str) -> list[Json]:
        return [json.loads(line) for line in self.read(f"evals/{classifier}/cases.jsonl").splitlines()]

    def climb(self, ladder: list[str]) -> None:
        """Gives every shipped classifier this ladder."""
        rungs = ", ".join(f'{{ judge = "{judge}" }}' for judge in ladder)
        text, ladders = re.subn(
            r"^ladder = \[.*?\]$", f"ladder = [{rungs}]", self.read("config/classifiers.toml"), flags=re.DOTALL | re.MULTILINE
        )
        assert ladders == 3, f"config/classifiers.toml has {ladders} ladders that look as they used to"
        self.write("config/classifiers.toml", text)

    def run(self, *args: str, stdin: str = "") -> str:
        """Runs a command to its end; what it printed."""
        command = [PROGRAM, "--dir", str(self.path), *args]
        ended = subprocess.run(command, input=stdin, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, env=self.env)
        assert ended.returncode == 0, f"{args} ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def render(self, classifier: str, event: Json, judge: str) -> Json:
        args = ["prompt", "render", classifier, "--event", "-", "--judge", judge, "--json"]
        return json.loads(self.run(*args, stdin=json.dumps(event)))

    @contextmanager
    def serve(self) -> Iterator[Service]:
        args = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"]
        child = subprocess.Popen(
            [PROGRAM, "--dir", self.path, *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self.env | {"RUST_LOG": "info"},
        )
        try:
            yield Service(self, child)
        finally:
            child.terminate()
            try:
                child.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class Service:
    """`hookyard serve`, ready."""

    def __init__(self, project: Project, child: subprocess.Popen[str]) -> None:
        self._project = project
        self._log: list[str] = []
        ready: queue.Queue[Json | None] = queue.Queue()
        threading.Thread(target=self._read, args=(child, ready), daemon=True).start()
        told = ready.get(timeout=PATIENCE_S)
        assert told is not None, f"the service did not start: {''.join(self._log)}"
        self._public, self._admin = told["public"], told["admin"]

    def _read(self, child: subprocess.Popen[str], ready: queue.Queue[Json | None]) -> None:
        assert child.stderr is not None
        with child.stderr as lines:
            for line in lines:
                self._log.append(line)
                if '"ready"' in line:
                    ready.put(json.loads(line))
        ready.put(None)

    def send(self, body: Json) -> str:
        """Delivers a signed body to the source `forms`; the event's id."""
        url = f"http://{self._public}/webhooks/forms"
        said = self._project.run("send", "forms", "--file", "-", "--url", url, stdin=json.dumps(body))
        status, _, answer = said.partition(" ")
        assert status == "202", said
        return json.loads(answer)["event"]

    def settled(self, event: str, patience_s: float = PATIENCE_S) -> Json:
        """The event's timeline, once none of its jobs is open."""
        still_open = {"ready", "leased", "blocked"}
        last = self.until(
            lambda: self.timeline(event),
            lambda told: all(job["state"] not in still_open for job in told["jobs"]),
            patience_s,
        )
        # As an operator reads it: the command must tell the same.
        shown = json.loads(self._project.run("events", "show", event, "--json", "--admin", f"http://{self._admin}"))
        assert shown["timeline"]["jobs"] == last["jobs"], "`events show` tells otherwise than the API"
        return last

    def timeline(self, event: str) -> Json:
        return json.loads(self.get(f"/api/v1/events/{event}"))["timeline"]

    def get(self, path: str) -> str:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://{self._admin}{path}", timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def answers(self) -> Counter[tuple[str, str, str]]:
        """How many answers each judge gave, by what was wrong with them, and whether they were repairs."""
        line = re.compile(r'hookyard_judge_answers_total\{judge="(.+?)",outcome="(.+?)",attempt="(.+?)"\} (\d+)')
        return Counter({(judge, outcome, attempt): int(n) for judge, outcome, attempt, n in line.findall(self.get("/metrics"))})

    def until(self, look: Callable[[], Json], wanted: Callable[[Json], bool], patience_s: float) -> Json:
        end = time.monotonic() + patience_s
        pause = threading.Event()
        while True:
            seen = look()
            if wanted(seen):
                return seen
            assert time.monotonic() < end, f"it stays at {json.dumps(seen)[:3000]}; the log: {''.join(self._log)[-3000:]}"
            pause.wait(LOOK_S)
