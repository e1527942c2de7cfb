#!/usr/bin/env python3
"""Measures Hookyard beside the least that could do the same, in one run, and prints ratios.

    python3 benches/ratios.py                     all cases
    python3 benches/ratios.py accept drain        some: accept open_loop drain million overload idle

It builds the release program and the tools beside this file. The cases `accept` and `drain` compare with the receiver and
worker in `peer/`, where `PEER_PYTHON` names an interpreter with peer/requirements.txt installed and redis-server is there.
`BENCH_DIR` is where the data goes (the temporary folder if unset), `REPS` how often each case runs (3 if unset);
what is printed are medians. Load and server share the machine: of what it prints, ratios of CPU time are the firmest.
"""

import contextlib
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

from machine import ask, busy_s, cpu_s_of, folder, free_port, running, until
from programs import EVERYTHING, HERE, PROGRAMS, REPS, SECRET, load

WARM_UP = 3_000
FILL = 200_000
PEER_FILL = 20_000
MILLION = 1_000_000


class Hookyard:
    """The real program, with a folder that outlives it."""

    def __init__(self, data):
        self.data = data

    @contextlib.contextmanager
    def serving(self):
        port, admin = free_port(), free_port()
        listen = ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}"]
        command = [PROGRAMS["hookyard"], "--dir", str(HERE / "yard"), "serve", "--data", self.data, *listen]
        with running(command, port, env={"FORMS_WEBHOOK_SECRET": SECRET}) as server:
            server.admin, server.data = admin, self.data
            yield server


@contextlib.contextmanager
def hookyard(paused=False):
    with folder() as data, Hookyard(data).serving() as server:
        if paused:
            ask(server.admin, "/api/v1/pause", EVERYTHING)
        yield server


@contextlib.contextmanager
def bare(rows):
    port = free_port()
    with folder() as data:
        command = [PROGRAMS["bare"], "--listen", f"127.0.0.1:{port}", "--data", data, "--rows", rows]
        with running(command, port) as server:
            yield server


class Peer:
    """The receiver of `peer/` with its Redis."""

    def __init__(self, receiver, store, env):
        self.receiver, self.store, self.env, self.port = receiver, store, env, receiver.port

    def cpu_s(self):
        return self.receiver.cpu_s() + self.store.cpu_s()

    def done(self):
        """Events that its worker acknowledged."""
        command = ["redis-cli", "-p", str(self.store.port), "info", "commandstats"]
        told = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
        return next((int(line.split("calls=")[1].split(",")[0]) for line in told if line.startswith("cmdstat_xack:")), 0)


def has_peer():
    return os.environ.get("PEER_PYTHON") and shutil.which("redis-server")


@contextlib.contextmanager
def peer():
    store_port, port = free_port(), free_port()
    env = {"REDIS_URL": f"redis://127.0.0.1:{store_port}", "FORMS_WEBHOOK_SECRET": SECRET}
    fast = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    receiver = [os.environ["PEER_PYTHON"], "-m", "uvicorn", "receiver:app", "--port", str(port), *fast]
    with folder() as data:
        store = ["redis-server", "--port", str(store_port), "--appendonly", "yes", "--save", "", "--dir", data]
        with running(store, store_port) as redis, running(receiver, port, env=env, cwd=HERE / "peer") as server:
            yield Peer(server, redis, env)


def peer_drain():
    with peer() as server:
        load(server.port, PEER_FILL)
        worker = subprocess.Popen([os.environ["PEER_PYTHON"], "worker.py"], env={**os.environ, **server.env}, cwd=HERE / "peer")
        until(lambda: server.done() > 0)
        first, took = server.done(), until(lambda: server.done() >= PEER_FILL)
        cpu = server.cpu_s() + cpu_s_of(worker.pid)
        worker.kill()
        worker.wait()
        return (PEER_FILL - first) / took, cpu / PEER_FILL * 1e5


def open_jobs(server):
    return ask(server.admin, "/api/v1/stats")["load"]["open_jobs"]


def kept(server):
    """Jobs by state, as the file has them."""
    with contextlib.closing(sqlite3.connect(f"file:{server.data}/hookyard.db?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT state, count(*) FROM job GROUP BY state"))


def cpu_of(server, events, *arguments):
    """CPU seconds of the server for 100,000 events, and what the load tells."""
    load(server.port, WARM_UP)
    cpu, others, begun = server.cpu_s(), busy_s(), time.monotonic()
    told = load(server.port, events, *arguments)
    told["cpu"] = (server.cpu_s() - cpu) / events * 1e5
    told["busy"] = (busy_s() - others) / (time.monotonic() - begun) / os.cpu_count()
    return told


def row(name, told, *more):
    accepted = told["answers"].get("202", {"count": 0, "p50_ms": 0, "p99_ms": 0})
    refused = {status: answer["count"] for status, answer in told["answers"].items() if status != "202"}
    figures = f"{told['cpu']:6.2f} CPU s/100k {told['per_s']:8.0f}/s  p50 {accepted['p50_ms']:.1f} p99 {accepted['p99_ms']:.1f} ms"
    print(f"  {name:24}{figures}", *more, refused or "", f"failed {told['failed']}" if told["failed"] else "", flush=True)


def accept():
    """64 connections, one after another. Work is held, so that what is measured is acceptance alone."""
    ratios, peers = [], []
    for _ in range(REPS):
        with bare("id") as server:
            least = cpu_of(server, 100_000)
            row("bare, body and id", least)
        with bare("all") as server:
            same = cpu_of(server, 100_000)
            row("bare, the same rows", same)
        with hookyard(paused=True) as server:
            ours = cpu_of(server, 100_000)
            row("hookyard", ours, f"{server.rss_mb('VmHWM'):.0f} MB at most")
        ratios.append((ours["cpu"] / same["cpu"], ours["cpu"] / least["cpu"], ours["per_s"] / least["per_s"]))
        if has_peer():
            with peer() as server:
                theirs = cpu_of(server, PEER_FILL)
                row("peer, with its Redis", theirs)
            peers.append(theirs["cpu"] / ours["cpu"])
    same, least, rate = map(statistics.median, zip(*ratios))
    print(f"  CPU {same:.2f} x the same rows (goal 1.3), {least:.2f} x body and id (goal 1.6); rate {rate:.2f} x", flush=True)
    if peers:
        print(f"  the peer's CPU {statistics.median(peers):.1f} x ours (goal 12)", flush=True)


def open_loop():
    """5,000 events a second, whatever the answers take, and the work on them done meanwhile."""
    for _ in range(REPS):
        with bare("all") as server:
            row("bare, the same rows", cpu_of(server, 50_000, "--rate", "5000", "--connections", "256"))
        with hookyard(paused=True) as server:
            row("hookyard, accept only", cpu_of(server, 50_000, "--rate", "5000", "--connections", "256"))
        with hookyard() as server:
            row("hookyard, and its work", cpu_of(server, 50_000, "--rate", "5000", "--connections", "256"))


def drain():
    """A handler that does nothing, for events that wait: claimed, run, and durably done."""
    ours, peers = [], []
    for _ in range(REPS):
        with hookyard(paused=True) as server:
            load(server.port, FILL)
            filled = server.cpu_s()
            ask(server.admin, "/api/v1/resume", EVERYTHING)
            took = until(lambda: open_jobs(server) == 0, every_s=0.1)
            ours.append((FILL / took, server.cpu_s() / FILL * 1e5))
            after = (server.cpu_s() - filled) / FILL * 1e5
            print(f"  hookyard {ours[-1][0]:8.0f}/s {ours[-1][1]:6.2f} CPU s/100k ({after:.2f} after acceptance), {server.rss_mb():.0f} MB", flush=True)
        if has_peer():
            peers.append(peer_drain())
            print(f"  peer     {peers[-1][0]:8.0f}/s {peers[-1][1]:6.2f} CPU s/100k with its Redis", flush=True)
    if peers:
        (rate, cpu), (their_rate, their_cpu) = (map(statistics.median, zip(*of)) for of in (ours, peers))
        print(f"  rate {rate / their_rate:.1f} x the peer's (goal 8), CPU 1/{their_cpu / cpu:.1f} of it (goal 1/10)", flush=True)


def million():
    """A million events waiting; then kill -9, and how soon it goes on."""
    with folder() as data:
        yard = Hookyard(data)
        with yard.serving() as server:
            ask(server.admin, "/api/v1/pause", EVERYTHING)
            told = load(server.port, MILLION)
            waiting = open_jobs(server)
            print(f"  {told['per_s']:.0f}/s; {waiting} waiting; {server.rss_mb():.0f} MB resident, {server.rss_mb('VmHWM'):.0f} at most")
            ask(server.admin, "/api/v1/resume", EVERYTHING)
            server.kill()
        begun = time.monotonic()
        with yard.serving() as server:
            told = load(server.port, 1)
            first = time.monotonic() - begun
            until(lambda: open_jobs(server) < waiting, every_s=0.005)
            dispatched = time.monotonic() - begun
            print(f"  after kill -9: listens in {server.start_s:.3f} s, first answer {list(told['answers'])} in {first:.3f} s (goal 0.25), dispatch within {dispatched:.3f} s (goal 1)")
            until(lambda: open_jobs(server) == 0, every_s=0.1)
            print(f"  drained: {server.rss_mb():.0f} MB resident, {server.rss_mb('VmHWM'):.0f} at most; {kept(server)} of {MILLION + 1}", flush=True)


def overload():
    """Twice what it carries, whatever the answers take: what it acknowledges, it keeps."""
    with hookyard() as server:
        carried = load(server.port, 50_000)["per_s"]
    with hookyard() as server:
        rate = 2 * carried
        told = cpu_of(server, int(rate * 15), "--rate", str(rate), "--connections", "2000")
        row(f"offered {rate:.0f}/s", told, f"{server.rss_mb('VmHWM'):.0f} MB at most")
        acknowledged = told["answers"].get("202", {"count": 0})["count"] + WARM_UP
        until(lambda: open_jobs(server) == 0, every_s=0.1)
        print(f"  acknowledged {acknowledged}, kept {kept(server)}", flush=True)


def idle():
    with hookyard() as server:
        time.sleep(5)
        cpu = server.cpu_s()
        time.sleep(20)
        print(f"  {server.rss_mb():.0f} MB (goal 30), {(server.cpu_s() - cpu) / 20 * 100:.2f} % of one CPU; listens after {server.start_s * 1e3:.0f} ms", flush=True)


CASES = [accept, open_loop, drain, million, overload, idle]

if __name__ == "__main__":
    wanted = sys.argv[1:] or [case.__name__ for case in CASES]
    for case in CASES:
        if case.__name__ in wanted:
            print(f"{case.__name__}: {case.__doc__ or ''}".strip(), flush=True)
            case()
