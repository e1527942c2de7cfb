#!/usr/bin/env python3
"""Measures what the classifier stage adds to an event, in one run, and prints a table and then JSON.

    python3 benches/stage.py                 all cases
    python3 benches/stage.py added storm     some: disk added memory storm

Everything is on record as always: the store is SQLite, and each commit waits for the disk. The language model is
benches/vendor.rs, which answers at once, and in the last case `hookyard fake-llm` with limits. See ratios.py for
`BENCH_DIR` and `REPS`.
"""

import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time

from house import Counters, fake_llm, house, vendor
from machine import ask, busy_s, until
from programs import EVERYTHING, REPS, load

RATE = 500
SECONDS = 20
WARM_UP_S = 4
# Both routes on one event: what the classifier adds to this very event.
SETTINGS = {"plain": ["plain"], "judged": ["judged"], "twin": ["plain", "judged"]}
P50_MS, P99_MS = 0.7, 3.0

WAITING = 1_000
THINKS_MS = 500
# One that is small beside what an event takes anyway, the usual one, and twice that.
SIZES = [400, 3_000, 6_000]
ROUNDS = 3
# Vendors speak the second.
PROTOCOLS = {"HTTP/1.1": lambda llm: llm.url, "HTTP/2": lambda llm: llm.tls_url}

STORM = 500
PER_MIN = 300
TOKENS_PER_QUESTION = 2_000


def at(values, share):
    ranked = sorted(values)
    return ranked[round((len(ranked) - 1) * share)]


def p(values):
    return {"p50": at(values, 0.5), "p99": at(values, 0.99)}


def open_jobs(server):
    return ask(server.admin, "/api/v1/stats")["load"]["open_jobs"]


def settled(server, every_s=0.05):
    until(lambda: open_jobs(server) == 0, every_s=every_s)


def disk():
    """An append of 4 KiB and its fdatasync, on the disk of the data."""
    took = []
    with tempfile.NamedTemporaryFile(dir=os.environ.get("BENCH_DIR")) as file:
        for _ in range(2_000):
            begun = time.monotonic()
            os.write(file.fileno(), bytes(4_096))
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - begun) * 1e3)
    told = p(took)
    print(f"  p50 {told['p50']:.2f} ms, p99 {told['p99']:.2f} ms", flush=True)
    return told


def through(routes):
    """Events at a steady rate through these routes: for each, how long until its action arrives, by route."""
    with vendor() as llm, house(llm.url, llm.url, routes=routes) as server:
        load(server.port, RATE * WARM_UP_S, "--rate", str(RATE))
        settled(server)
        llm.seen()
        counted, cpu, vendor_cpu = Counters(server), server.cpu_s(), llm.cpu_s()
        loads, busy, begun = own_children_s(), busy_s(), time.monotonic()
        events = RATE * SECONDS
        told = load(server.port, events, "--rate", str(RATE))
        settled(server)
        took = time.monotonic() - begun
        cpu, vendor_cpu, loads = server.cpu_s() - cpu, llm.cpu_s() - vendor_cpu, own_children_s() - loads
        others = (busy_s() - busy - cpu - vendor_cpu - loads) / took / os.cpu_count()
        seen = llm.seen()
        due = {f"evt_{told['run']}_{n:08}": told["begun_us"] + n / RATE * 1e6 for n in range(events)}
        served = {id: (answered - asked) / 1e3 for id, asked, answered in seen["asked"]}
        ends = {route: {id: (when - due[id]) / 1e3 for name, id, when in seen["done"] if name == route} for route in routes}
        if told["failed"] or list(told["answers"]) != ["202"] or any(len(one) != events for one in ends.values()):
            raise SystemExit(f"not all came through: {told}, {[len(one) for one in ends.values()]}")
        attempts = {}
        for kind in ("route", "action"):
            label = f'{{kind="{kind}",outcome="done"}}'
            number = counted.since(f"hookyard_job_seconds_count{label}")
            attempts[kind] = counted.since(f"hookyard_job_seconds_sum{label}") / number * 1e3
        commits, commit_s = (counted.since(f"hookyard_commit_seconds_{of}") for of in ("count", "sum"))
        row = {
            "accepted": told["answers"]["202"],
            "cpu_s_100k": cpu / events * 1e5,
            "vendor_cpu_s_100k": vendor_cpu / events * 1e5,
            "attempt_ms": attempts,
            "operations": counted.since("hookyard_committed_operations_total") / events,
            "commits": commits / events,
            "commit_ms": commit_s / commits * 1e3,
            "others": max(others, 0),
            "rss_mb": server.rss_mb(),
        }
        return row, ends, served


def own_children_s():
    """CPU seconds of what this script has started and waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def added():
    """500 events a second, due at fixed times, through a route with one action: without a classifier, with one, and both at once."""
    runs = []
    for _ in range(REPS):
        run = {}
        for name, routes in SETTINGS.items():
            row, ends, served = through(routes)
            if name == "twin":
                # Of one event, so that neither its acceptance nor what else happened then is counted.
                row["added"] = p([ends["judged"][id] - ends["plain"][id] - served[id] for id in ends["judged"]])
            else:
                row["end"] = p([end - served.get(id, 0) for id, end in ends[name].items()])
                row["served_ms"] = statistics.mean(served.values()) if served else 0
            run[name] = row
            show(name, row)
        plain, judged = run["plain"], run["judged"]
        run["end_added"] = {at: judged["end"][at] - plain["end"][at] for at in ("p50", "p99")}
        run["stage_mean"] = judged["attempt_ms"]["route"] - judged["served_ms"]
        run["stage_mean_added"] = run["stage_mean"] - plain["attempt_ms"]["route"]
        run["cpu_added"] = judged["cpu_s_100k"] - plain["cpu_s_100k"]
        print(f"  added: p50 {run['end_added']['p50']:+.2f} p99 {run['end_added']['p99']:+.2f} ms end to end; to one event p50 {run['twin']['added']['p50']:+.2f} p99 {run['twin']['added']['p99']:+.2f} ms; to an attempt {run['stage_mean_added']:+.2f} ms on average ({run['stage_mean']:.2f} from claim to settlement); {run['cpu_added']:.1f} CPU s/100k", flush=True)
        runs.append(run)
    middle = {name: statistics.median(of(run) for run in runs) for name, of in MEDIANS.items()}
    print(f"  medians: added p50 {middle['p50']:.2f} ms (goal {P50_MS}), p99 {middle['p99']:.2f} ms (goal {P99_MS}); to one event p50 {middle['event_p50']:.2f}, p99 {middle['event_p99']:.2f} ms", flush=True)
    return {"medians": middle, "runs": runs}


MEDIANS = {
    "p50": lambda run: run["end_added"]["p50"],
    "p99": lambda run: run["end_added"]["p99"],
    "event_p50": lambda run: run["twin"]["added"]["p50"],
    "event_p99": lambda run: run["twin"]["added"]["p99"],
    "stage_mean": lambda run: run["stage_mean"],
    "stage_mean_added": lambda run: run["stage_mean_added"],
    "cpu_added": lambda run: run["cpu_added"],
}


def show(name, row):
    what = row.get("end")
    until_done = f"to the action p50 {what['p50']:.2f} p99 {what['p99']:.2f} ms" if what else "both routes"
    accepted = row["accepted"]
    print(
        f"  {name:7} 202 p50 {accepted['p50_ms']:.2f} p99 {accepted['p99_ms']:.2f} ms; {until_done}; attempts: route {row['attempt_ms']['route']:.2f}, action {row['attempt_ms']['action']:.2f} ms;"
        f" {row['cpu_s_100k']:.1f} CPU s/100k (stand-in {row['vendor_cpu_s_100k']:.1f}); {row['operations']:.2f} operations in {row['commits']:.2f} commits of {row['commit_ms']:.2f} ms an event; others {row['others']:.2f}",
        flush=True,
    )


def memory():
    """1,000 events by the size of their bodies: idle, merely waiting, and all asked about at a model that thinks for 500 ms."""
    return {protocol: {size: held(size, protocol) for size in SIZES} for protocol in PROTOCOLS}


def held(size, protocol):
    with vendor(THINKS_MS) as llm, house(PROTOCOLS[protocol](llm), llm.url, concurrency=WAITING, acts=False, certificate=llm.certificate) as server:
        load(server.port, 50, "--size", str(size))
        settled(server)
        idle, rows = server.rss_mb(), []
        for number in range(ROUNDS):
            llm.seen()
            ask(server.admin, "/api/v1/pause", EVERYTHING)
            load(server.port, WAITING, "--size", str(size))
            queued = server.rss_mb()
            most = Most(server)
            ask(server.admin, "/api/v1/resume", EVERYTHING)
            settled(server, every_s=0.01)
            asked, seen, after = most.end(), llm.seen(), server.rss_mb()
            rows.append({"queued_mb": queued, "asked_mb": asked, "after_mb": after, "together": seen["together"]})
            each = (asked - idle) * 1024 / WAITING
            print(f"  {protocol}, {size:5} bytes, round {number + 1}: idle {idle:.1f} MB; {WAITING} waiting {queued:.1f}; {seen['together']} asked about at one time {asked:.1f}; afterwards {after:.1f}; {each:.1f} KB an event above idle", flush=True)
        return {"idle_mb": idle, "rounds": rows}


class Most:
    """The most memory that a server holds, looked at all the time."""

    def __init__(self, server):
        self.server, self.most, self.ended = server, 0, threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def _look(self):
        while not self.ended.wait(0.005):
            self.most = max(self.most, self.server.rss_mb())

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.most


REQUESTS = ["--requests-per-min", str(PER_MIN)]
TOKENS = ["--input-tokens-per-min", str(PER_MIN * TOKENS_PER_QUESTION), "--output-tokens-per-min", str(PER_MIN * 400)]
OWN_REQUESTS = f"limit_per_min = {PER_MIN}\n"
OWN_TOKENS = f"input_tokens_per_min = {PER_MIN * TOKENS_PER_QUESTION}\noutput_tokens_per_min = {PER_MIN * 400}\n"
STORMS = {
    "requests, own limit": (REQUESTS, OWN_REQUESTS),
    "tokens, own limits": (TOKENS, OWN_TOKENS),
    "both, own limits": (REQUESTS + TOKENS, OWN_REQUESTS + OWN_TOKENS),
    "requests, no own limit": (REQUESTS, ""),
    "tokens, no own limits": (TOKENS, ""),
}


def storm():
    """500 events at once to a vendor that takes 300 requests a minute, or as many tokens: the calls it sees, and refuses."""
    return {name: stormed(name, theirs, ours) for name, (theirs, ours) in STORMS.items()}


def stormed(name, theirs, ours):
    with fake_llm(*theirs) as llm, house(llm.url, llm.url, limits=ours, acts=False) as server:
        ask(server.admin, "/api/v1/pause", EVERYTHING)
        load(server.port, STORM)
        counted, cpu = Counters(server), server.cpu_s()
        ask(server.admin, "/api/v1/resume", EVERYTHING)
        until(lambda: open_jobs(server) == 0, every_s=0.1)
        cpu = server.cpu_s() - cpu
        ended = {word: counted.since(f'hookyard_jobs_total{{kind="route",outcome="{word}"}}') for word in ("done", "parked", "retry", "dead", "waiting")}
        calls = list(llm.calls)
    times = [when for when, _ in calls]
    took = max(times) - min(times)
    refused = sum(call["status"] == 429 for _, call in calls)
    tokens = [call["tokens"]["input_uncached"] + call["tokens"]["cache_write"] for _, call in calls if call["status"] == 200]
    if {call["status"] for _, call in calls} - {200, 429}:
        raise SystemExit(f"{name}: it was asked wrongly: {calls[0]}")
    row = {
        "calls": len(calls),
        "refused": refused,
        "seconds": took,
        "allowed": int(PER_MIN + PER_MIN * took / 60) if "--requests-per-min" in theirs else None,
        "tokens": sum(tokens),
        "tokens_allowed": int(PER_MIN * TOKENS_PER_QUESTION * (1 + took / 60)) if "--input-tokens-per-min" in theirs else None,
        "attempts": ended,
        "cpu_s": cpu,
    }
    print(f"  {name:24} {row['calls']} calls in {took:.1f} s (requests allowed {row['allowed']}), {refused} refused; {row['tokens']} input tokens of {row['tokens_allowed']}; attempts {ended}; {cpu:.2f} CPU s", flush=True)
    return row


CASES = [disk, added, memory, storm]

if __name__ == "__main__":
    # A socket for each event that is asked about, here and there.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = sys.argv[1:] or [case.__name__ for case in CASES]
    told = {"load_average": os.getloadavg()[0]}
    for case in CASES:
        if case.__name__ in wanted:
            print(f"{case.__name__}: {case.__doc__}", flush=True)
            told[case.__name__] = case()
    print(json.dumps(told))
