"""Processes of a measurement: started, watched through /proc, and ended."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
START_S_MAX = 120


class Server:
    """A process that listens. Its CPU time and memory are those of its whole tree."""

    def __init__(self, command, port, env=None, cwd=None):
        self.port = port
        self.begun = time.monotonic()
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=quiet, stderr=quiet)
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > self.begun + START_S_MAX:
                raise SystemExit(f"{command[0]} does not listen on port {port}")
            time.sleep(0.001)
        self.start_s = time.monotonic() - self.begun

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _tree(self):
        pids = [self.process.pid]
        for pid in pids:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    pids += map(int, open(f"/proc/{pid}/task/{task}/children").read().split())
        return pids

    def cpu_s(self):
        return sum(map(cpu_s_of, self._tree()))

    def rss_mb(self, of="VmRSS"):
        """Resident memory; `VmHWM` for the most there ever was."""
        total = 0
        for pid in self._tree():
            with contextlib.suppress(OSError):
                lines = dict(line.split(":") for line in open(f"/proc/{pid}/status") if line.startswith("Vm"))
                total += int(lines[of].split()[0])
        return total / 1024

    def kill(self):
        """kill -9 to the whole tree."""
        for pid in self._tree():
            with contextlib.suppress(OSError):
                os.kill(pid, 9)
        self.process.wait()

    def end(self):
        pids = self._tree()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, 9)
        self.process.wait()


@contextlib.contextmanager
def running(*arguments, **options):
    server = Server(*arguments, **options)
    try:
        yield server
    finally:
        server.end()


def cpu_s_of(pid):
    """CPU seconds of one process; none if it is gone."""
    with contextlib.suppress(OSError):
        fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    return 0


def folder():
    return tempfile.TemporaryDirectory(prefix="hookyard-bench-", dir=os.environ.get("BENCH_DIR"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def busy_s():
    """CPU seconds that the whole machine has spent."""
    fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / TICK


def ask(port, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def until(condition, every_s=0.01, within_s=600):
    """Waits until it holds, and returns how long that took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() > begun + within_s:
            raise SystemExit("waited in vain")
        time.sleep(every_s)
    return time.monotonic() - begun
