"""How long `hookyard eval` takes: 1,000 cases replayed from recordings with every form of report, and an offline run whose local
model learns from 1,000 cases first.

    cargo build --release && python3 benches/eval.py

Cases are made up by words; the recordings are made by `hookyard fake-llm` on this machine. Prints one JSON line.
"""

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CASES = 1_000
REPS = int(os.environ.get("REPS", "5"))
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "release" / "hookyard"
TOPICS = {
    "lead": "demo quote price offer seats trial budget reseller partner tender licence upgrade",
    "support": "error broken login invoice refund export stopped crash account invite fails since",
    "internal": "standup rota deploy payroll badge kitchen cake meeting holiday laptop office shift",
    "spam": "backlink casino bitcoin winner loan guest-post ranking verify claim prize followers cheap",
}
FILL = "we the our for please with about morning week could team after before would some again really still next".split()


def case(rng: random.Random, n: int, split: str) -> str:
    label = rng.choice(list(TOPICS))
    words = [rng.choice(TOPICS[label].split()) if rng.random() < 0.2 else rng.choice(FILL) for _ in range(80)]
    words.append(f"reference {n} {rng.randrange(10**9)}")
    data = {"subject": " ".join(words[:5]), "message": " ".join(words), "email": f"p{n}@a{n % 97}.example"}
    body = {"type": "lead.form.submitted", "data": data}
    event = {"source": "forms", "type": "lead.form.submitted", "body": body}
    return json.dumps({"id": f"c{n}", "event": event, "expect": {"label": label}, "split": split, "author": "bench"})


def run(*arguments: str) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{arguments} ended with {done.returncode}: {done.stderr[-2000:]}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 3)


def main() -> None:
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        run("init", str(project))
        fake = subprocess.Popen([PROGRAM, "fake-llm", "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, text=True)
        assert fake.stdout is not None
        url = json.loads(fake.stdout.readline())["anthropic"]
        # Somebody must read what it tells.
        drain = subprocess.Popen(["cat"], stdin=fake.stdout, stdout=subprocess.DEVNULL)
        judges = project / "config" / "judges.toml"
        key = 'api_key = "${ANTHROPIC_API_KEY}"\n'
        judges.write_text(judges.read_text().replace(key, f'{key}base_url = "{url}"\nallow_private = true\n'))
        os.environ["ANTHROPIC_API_KEY"] = "sk-bench"
        for suite, split in (("replayed", "dev"), ("learned", "train")):
            (project / "evals" / suite).mkdir()
            lines = [case(rng, n, split) for n in range(CASES)]
            if split == "train":
                lines += [case(rng, CASES + n, "dev") for n in range(10)]
            (project / "evals" / suite / "cases.jsonl").write_text("\n".join(lines) + "\n")
            (project / "evals" / suite / "suite.toml").write_text('classifier = "triage"\nsplits = ["dev"]\n')
        at = ["--dir", str(project), "eval"]
        run(*at, "replayed", "--judge", "claude", "--mode", "record", "--spend-max", "1000")
        fake.kill()
        drain.wait()
        forms = [f"--{form}={folder}/report.{form}" for form in ("html", "junit", "markdown")]
        replayed = [run(*at, "replayed", "--judge", "claude", *forms) for _ in range(REPS)]
        text = [run(*at, "replayed", "--judge", "claude") for _ in range(REPS)]
        config = project / "config" / "classifiers.toml"
        few = [run(*at, "learned") for _ in range(REPS)]
        config.write_text(re.sub(r"(\[classifier\.triage\]\n)", r'\1cases = "learned"' + "\n", config.read_text(), count=1))
        many = [run(*at, "learned") for _ in range(REPS)]
        print(json.dumps({
            "cases": CASES,
            "replayed_with_all_reports_s": median([took for took, _ in replayed]),
            "replayed_with_all_reports_cpu_s": median([cpu for _, cpu in replayed]),
            "replayed_with_text_s": median([took for took, _ in text]),
            "offline_s": median([took for took, _ in few]),
            "offline_learning_from_1000_s": median([took for took, _ in many]),
            "offline_learning_from_1000_cpu_s": median([cpu for _, cpu in many]),
            "load_average": os.getloadavg()[0],
        }))


main()
