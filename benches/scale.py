#!/usr/bin/env python3
"""Measures Hookyard on Redis, in one run, and prints ratios.

    python3 benches/scale.py                     all cases
    python3 benches/scale.py accept workers      some: accept drain workers memory shards

It needs redis-server and redis-cli, and otherwise what ratios.py needs. All servers write everything down before they answer
(`appendfsync always`).
"""

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import ask, folder, free_port, running, until
from programs import EVERYTHING, HERE, PROGRAMS, REPS, SECRET, load
from ratios import cpu_of, has_peer, open_jobs, peer_drain, row

CONNECTIONS = 8
FILL = 50_000
DESTINATION_MS = 20
# Few enough jobs at one time that one process leaves the processors idle.
CONCURRENCY = 12
SENT = 6_000
SHARDS = [1, 2, 4, 8]
LOOKS = 2_000
# Handlers at one time: what a service has by default, what the other cases have, and what keeps a Redis busy.
HANDLERS = [32, 128, 512]

SEND = """
[action.send]
kind = "http"
to = "sink"
with.path = "/"
with.body.id = "{{ event.id }}"
"""
SINK = """
[destination.sink]
url = "${SINK_URL}"
allow_private = true
idempotency_ms = 86_400_000
"""
ROUTE = """
[route.send]
types = ["order.created"]
[[route.send.action]]
id = "send"
use = "send"
"""


class Redis:
    """A private server."""

    def __init__(self, server):
        self.server, self.port, self.url = server, server.port, f"redis://127.0.0.1:{server.port}"

    def ask(self, *words):
        return subprocess.run(["redis-cli", "-p", str(self.port), *words], check=True, capture_output=True, text=True).stdout.strip()

    def told(self, section, name):
        lines = self.ask("info", section).splitlines()
        return next(line.split(":", 1)[1] for line in lines if line.startswith(name + ":"))


@contextlib.contextmanager
def redis():
    port = free_port()
    with folder() as data:
        command = ["redis-server", "--port", str(port), "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", data]
        with running(command, port) as server:
            yield Redis(server)


class Yard:
    """A project and a Redis; processes are started in it."""

    def __init__(self, place, url, shards=1, concurrency=128, sink=None):
        self.place, self.env, self.number = Path(place), {"FORMS_WEBHOOK_SECRET": SECRET}, 0
        config = self.place / "config"
        shutil.copytree(HERE / "yard" / "config", config)
        settings = (config / "hookyard.toml").read_text().replace("concurrency = 128", f"concurrency = {concurrency}")
        shared = f'\n[store.redis]\nurls = ["{url}"]\nshards = {shards}\nconnections = {CONNECTIONS}\n'
        (config / "hookyard.toml").write_text(settings + shared)
        if sink:
            self.env["SINK_URL"] = f"http://127.0.0.1:{sink}"
            (config / "routes.toml").write_text(ROUTE)
            (config / "actions.toml").write_text(SINK + SEND)

    @contextlib.contextmanager
    def process(self, role="all"):
        port, admin = free_port(), free_port()
        self.number += 1
        command = [PROGRAMS["hookyard"], "--dir", str(self.place), "serve", "--role", role, "--data", str(self.place / f"data{self.number}")]
        command += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}"]
        with running(command, port if role in ("all", "ingest") else admin, env=self.env) as server:
            server.admin, server.port = admin, port
            yield server


@contextlib.contextmanager
def yard(**options):
    with redis() as store, folder() as place:
        yield Yard(place, store.url, **options), store


class Both:
    """A receiver with its Redis: their CPU time together."""

    def __init__(self, receiver, store):
        self.receiver, self.store, self.port = receiver, store, receiver.port

    def cpu_s(self):
        return self.receiver.cpu_s() + self.store.server.cpu_s()


@contextlib.contextmanager
def bare(rows, connections):
    port = free_port()
    with redis() as store:
        command = [PROGRAMS["bare"], "--listen", f"127.0.0.1:{port}", "--rows", rows, "--redis", store.url, "--connections", str(connections)]
        with running(command, port) as receiver:
            yield Both(receiver, store)


def accept():
    """64 connections, one after another, into a process that takes in and does nothing else."""
    ratios = []
    for _ in range(REPS):
        with bare("id", 16) as both:
            least = cpu_of(both, FILL)
            row("bare, XADD, 16", least)
        with bare("all", CONNECTIONS) as both:
            same = cpu_of(both, FILL)
            row(f"bare, same script, {CONNECTIONS}", same)
        with yard() as (place, store), place.process("ingest") as server:
            ours = cpu_of(Both(server, store), FILL)
            row("hookyard", ours, f"{server.rss_mb('VmHWM'):.0f} MB at most")
        ratios.append((ours["cpu"] / same["cpu"], ours["per_s"] / same["per_s"], ours["cpu"] / least["cpu"], ours["per_s"] / least["per_s"]))
    cpu, rate, cpu_least, rate_least = map(statistics.median, zip(*ratios))
    print(f"  CPU {cpu:.2f} x the same script (goal 1.3), rate {rate:.2f} x (goal 0.75); beside XADD {cpu_least:.2f} x and {rate_least:.2f} x", flush=True)


def drain():
    """A handler that does nothing, for events that wait: claimed, run, and durably done."""
    ours, peers = {number: [] for number in HANDLERS}, []
    for _ in range(REPS):
        for number in HANDLERS:
            with yard(concurrency=number) as (place, store), place.process() as server:
                both = Both(server, store)
                ask(server.admin, "/api/v1/pause", EVERYTHING)
                load(server.port, FILL)
                filled = both.cpu_s()
                ask(server.admin, "/api/v1/resume", EVERYTHING)
                took = until(lambda: open_jobs(server) == 0, every_s=0.1)
                ours[number].append((FILL / took, both.cpu_s() / FILL * 1e5))
                print(f"  hookyard, {number:3} at one time {FILL / took:8.0f}/s {both.cpu_s() / FILL * 1e5:6.2f} CPU s/100k with its Redis ({(both.cpu_s() - filled) / FILL * 1e5:.2f} after acceptance)", flush=True)
        if has_peer():
            peers.append(peer_drain())
            print(f"  peer                      {peers[-1][0]:8.0f}/s {peers[-1][1]:6.2f} CPU s/100k with its Redis", flush=True)
    for number in HANDLERS if peers else []:
        (rate, cpu), (their_rate, their_cpu) = (map(statistics.median, zip(*of)) for of in (ours[number], peers))
        print(f"  {number:3} at one time: rate {rate / their_rate:.1f} x the peer's (goal 5), CPU 1/{their_cpu / cpu:.1f} of it", flush=True)


def workers():
    """1, 2 and 4 processes that work, on one Redis, against a destination that answers after 20 ms."""
    port = free_port()
    with running([PROGRAMS["sink"], "--listen", f"127.0.0.1:{port}", "--delay-ms", str(DESTINATION_MS)], port):
        first = None
        for number in (1, 2, 4):
            with contextlib.ExitStack() as stack:
                place, store = stack.enter_context(yard(concurrency=CONCURRENCY, sink=port))
                taking = stack.enter_context(place.process("ingest"))
                ask(taking.admin, "/api/v1/pause", EVERYTHING)
                load(taking.port, SENT * number)
                working = [stack.enter_context(place.process("worker")) for _ in range(number)]
                time.sleep(1)
                ask(taking.admin, "/api/v1/resume", EVERYTHING)
                begun = store.server.cpu_s() + sum(server.cpu_s() for server in working)
                took = until(lambda: open_jobs(taking) == 0, every_s=0.05)
                spent = store.server.cpu_s() + sum(server.cpu_s() for server in working) - begun
                rate = SENT * number / took
                first = first or rate
                most = number * CONCURRENCY * 1000 / DESTINATION_MS
                print(f"  {number} x {CONCURRENCY} at one time: {rate:7.0f} actions/s, {rate / first:.2f} x one process; {rate / most:.2f} of what the destination allows; {spent / took:.2f} cores, {spent / (SENT * number) * 1e5:.1f} CPU s/100k", flush=True)


def memory():
    """What an event that waits costs Redis, by the size of its body, and what it costs the processes."""
    for size in (300, 3_000, 20_000):
        with yard() as (place, store), place.process() as server:
            ask(server.admin, "/api/v1/pause", EVERYTHING)
            load(server.port, 1_000, "--size", str(size))
            before = int(store.told("memory", "used_memory"))
            load(server.port, FILL, "--size", str(size))
            each = (int(store.told("memory", "used_memory")) - before) / FILL
            print(f"  body of {size:6}: {each:8.0f} bytes of Redis, {each - size:6.0f} beside the body; process {server.rss_mb():.0f} MB", flush=True)


def shards():
    """What a part of the store costs, all on one server: an empty one in memory (with a connection that waits there), and in
    CPU time per job. Work is done in scripts, each for all that waits in one part at the moment; so parts should cost what
    more scripts cost that do nothing."""
    print("  parts    accept/s     drain/s   CPU s/100k  scripts/100k   KB an empty part")
    measured = []
    for number in SHARDS:
        with yard(shards=number) as (place, store), place.process() as server:
            empty = int(store.told("memory", "used_memory"))
            both = Both(server, store)
            ask(server.admin, "/api/v1/pause", EVERYTHING)
            took_in = load(server.port, FILL)["per_s"]
            filled, calls = both.cpu_s(), scripts(store)
            ask(server.admin, "/api/v1/resume", EVERYTHING)
            took = until(lambda: open_jobs(server) == 0, every_s=0.1)
            cpu = (both.cpu_s() - filled) / FILL * 1e5
            run = (scripts(store) - calls) / FILL * 1e5
            measured.append((number, cpu, run, empty))
            kb = (empty - measured[0][3]) / 1024 / max(number - 1, 1)
            print(f"  {number:5} {took_in:11.0f} {FILL / took:11.0f} {cpu:12.2f} {run:13.0f} {kb:10.1f}", flush=True)
    in_vain = question_in_vain()
    (_, cpu_of_one, run_for_one, _), *more = measured
    for number, cpu, run, _ in more:
        paper = (run - run_for_one) * in_vain
        print(f"  {number} parts: {cpu - cpu_of_one:6.2f} CPU s/100k more than one; on paper {paper:6.2f}, with {in_vain * 1e6:.0f} µs for each further script", flush=True)


def scripts(store):
    line = next(line for line in store.ask("info", "commandstats").splitlines() if line.startswith("cmdstat_evalsha:"))
    return int(line.split("calls=")[1].split(",")[0])


def question_in_vain():
    """CPU seconds of service and Redis for one script that changes nothing, on average: the end of a pause and the claim that
    it leads to, with the request that asked for it."""
    with yard() as (place, store), place.process() as server:
        both, before, calls = Both(server, store), None, 0
        for n in range(LOOKS + 100):
            if n == 100:
                before, calls = both.cpu_s(), scripts(store)
            # Each end of a pause makes the worker look.
            ask(server.admin, "/api/v1/resume", EVERYTHING)
        return (both.cpu_s() - before) / max(scripts(store) - calls, 1)


CASES = [accept, drain, workers, memory, shards]

if __name__ == "__main__":
    wanted = sys.argv[1:] or [case.__name__ for case in CASES]
    for case in CASES:
        if case.__name__ in wanted:
            print(f"{case.__name__}: {case.__doc__}", flush=True)
            case()
