"""A project with one classifier whose ladder is one language model, and who is asked: what benches/stage.py measures."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from machine import ask, folder, free_port, running
from programs import HERE, PROGRAMS, SECRET

SETTINGS = """
[worker]
concurrency = {concurrency}
"""
JUDGE = """
[judge.claude]
kind = "anthropic"
model = "claude-haiku-5-5"
api_key = "${LLM_KEY}"
base_url = "${LLM_URL}"
allow_private = true
timeout_ms = 20_000
"""
CLASSIFIER = """
[classifier.triage]
ladder = [{ judge = "claude", confidence_min = 0.6 }]
text = "{{ event.body.id }}"
"""
# The instructions and the schema are the shipped ones; the event is all that came.
PROMPT = "An order, as it came:\n{{ event.body | tojson | untrusted(6000) }}\n"
ROUTES = {
    "plain": '\n[route.plain]\ntypes = ["order.created"]\n',
    "judged": '\n[route.judged]\ntypes = ["order.created"]\nclassifier = "triage"\n',
}
ACTIONS = """
[destination.vendor]
url = "${VENDOR_URL}"
allow_private = true
idempotency_ms = 86_400_000
"""


def action(route):
    """Tells the destination that the event has come through, as a route's action does."""
    tells = f'\n[action.{route}]\nkind = "http"\nto = "vendor"\nwith.path = "/done/{route}"\nwith.body.id = "{{{{ event.body.id }}}}"\n'
    return tells, f'[[route.{route}.action]]\nid = "done"\nuse = "{route}"\n'


class House:
    """`hookyard serve` on a project of its own, on SQLite, with every default but those that are named."""

    def __init__(self, place, llm, vendor, routes=("judged",), concurrency=32, limits="", acts=True, certificate=None):
        self.place = Path(place)
        self.env = {"FORMS_WEBHOOK_SECRET": SECRET, "LLM_KEY": "any", "LLM_URL": llm, "VENDOR_URL": vendor}
        if certificate:
            self.env["SSL_CERT_FILE"] = str(certificate)
        config, shipped = self.place / "config", HERE.parent
        shutil.copytree(HERE / "yard" / "config", config)
        (config / "hookyard.toml").write_text(SETTINGS.format(concurrency=concurrency))
        (config / "judges.toml").write_text(JUDGE + limits)
        (config / "classifiers.toml").write_text(CLASSIFIER if "judged" in routes else "")
        told = [(ROUTES[route], *action(route)) for route in routes]
        (config / "routes.toml").write_text("".join(route + (acting if acts else "") for route, _, acting in told))
        (config / "actions.toml").write_text(ACTIONS + "".join(tells for _, tells, _ in told))
        prompts, schemas = self.place / "prompts" / "triage", self.place / "schemas"
        prompts.mkdir(parents=True)
        schemas.mkdir()
        shutil.copy(shipped / "prompts" / "triage" / "system.j2", prompts)
        (prompts / "event.j2").write_text(PROMPT)
        shutil.copy(shipped / "schemas" / "triage.schema.json", schemas)

    @contextlib.contextmanager
    def serving(self):
        port, admin = free_port(), free_port()
        command = [PROGRAMS["hookyard"], "--dir", str(self.place), "serve", "--data", str(self.place / "data")]
        command += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}"]
        with running(command, port, env=self.env) as server:
            server.admin, server.data = admin, self.place / "data"
            yield server


@contextlib.contextmanager
def house(llm, vendor, **options):
    with folder() as place, House(place, llm, vendor, **options).serving() as server:
        yield server


@contextlib.contextmanager
def vendor(delay_ms=0):
    """The cheap stand-in of benches/vendor.rs; `tls_url` is where it speaks TLS and HTTP/2, as vendors do."""
    port, tls = free_port(), free_port()
    with folder() as place:
        certificate = Path(place) / "vendor.pem"
        command = [PROGRAMS["vendor"], "--listen", f"127.0.0.1:{port}", "--delay-ms", str(delay_ms)]
        command += ["--tls", f"127.0.0.1:{tls}", "--certificate", str(certificate)]
        with running(command, port) as server:
            server.url, server.tls_url, server.certificate = f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls}", certificate
            server.seen = lambda: ask(port, "/seen")
            yield server


class FakeLlm:
    """`hookyard fake-llm`, with the time of each call that it tells of."""

    def __init__(self, *arguments):
        command = [PROGRAMS["hookyard"], "fake-llm", "--listen", "127.0.0.1:0", "--json", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["anthropic"]
        self.calls = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.calls.append((time.monotonic(), json.loads(line)))

    def end(self):
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.reader.join()


@contextlib.contextmanager
def fake_llm(*arguments):
    fake = FakeLlm(*arguments)
    try:
        yield fake
    finally:
        fake.end()


class Counters:
    """What /metrics counted since a moment."""

    def __init__(self, server):
        self.server, self.before = server, self._read(server)

    @staticmethod
    def _read(server):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.admin}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        return {name: float(value) for name, value in re.findall(r"^(hookyard\S*) (\S+)$", "\n".join(lines), re.M)}

    def since(self, name):
        return self._read(self.server).get(name, 0) - self.before.get(name, 0)
