"""The programs of a measurement, built before anything else, and the load that is put on them."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
REPS = int(os.environ.get("REPS", "3"))
SECRET = "bench-secret"
EVERYTHING = {}


def build():
    """The programs: hookyard, and the tools beside this file."""
    command = ["cargo", "build", "--release", "--bin", "hookyard"]
    for tool in ("load", "bare", "sink", "vendor"):
        command += ["--bench", tool]
    built = subprocess.run([*command, "--message-format", "json"], cwd=HERE.parent, check=True, stdout=subprocess.PIPE)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return {a["target"]["name"]: a["executable"] for a in artifacts if a.get("executable")}


PROGRAMS = build()


def load(port, events, *arguments):
    command = [PROGRAMS["load"], "--to", f"127.0.0.1:{port}", "--events", str(events), "--secret", SECRET, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
