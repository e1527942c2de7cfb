"""Every kind of judge that the shipped configuration can make, and the events they are asked about."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .project import Json, Project
from .sdk import APIS, CHAT, MESSAGES, RESPONSES, Api

CLASSIFIERS = ("triage", "churn", "pull_request")

# Cases of each classifier that each API is asked about, evenly spread over its file.
CASES = 3

# What no vendor has told us anything about: rows that a user may write.
FREE = "of-free-text"
UNHEARD_OF = "of-tomorrow"
ROWS = f"""
[[model]]
id = "{FREE}"
structured_output = false
sampling = true
"""


@dataclass(frozen=True)
class Judge:
    name: str
    api: Api
    model: str
    effort: str | None = None
    more: str = ""

    def table(self) -> str:
        effort = f"effort = {json.dumps(self.effort)}\n" if self.effort else ""
        return (
            f"[judge.{json.dumps(self.name)}]\n{self.api.kind}\nmodel = {json.dumps(self.model)}\n"
            f'api_key = "none"\n{effort}{self.more}\n'
        )


def apis_of(model: str) -> tuple[Api, ...]:
    return (MESSAGES,) if model.startswith("claude") else (CHAT, RESPONSES)


def judges(models: list[Json]) -> list[Judge]:
    """Each model under each API of its vendor, each effort once under each API; and models without a vendor of theirs."""
    made = []
    for api in APIS:
        told: set[str] = set()
        for model in models:
            if api not in apis_of(model["id"]):
                continue
            made.append(Judge(_name(api, model["id"], None), api, model["id"]))
            for effort in model.get("efforts", []):
                if effort not in told:
                    told.add(effort)
                    made.append(Judge(_name(api, model["id"], effort), api, model["id"], effort))
        for model in (FREE, UNHEARD_OF):
            made.append(Judge(_name(api, model, None), api, model))
            house = f'base_url = "http://127.0.0.1:9/{"" if api is MESSAGES else "v1"}"\nallow_private = true'
            made.append(Judge(_name(api, model, "house"), api, model, None, house))
    return made


def _name(api: Api, model: str, what: str | None) -> str:
    return f"{api.name}-{model}-{what or 'plain'}".replace(".", "_")


def install(project: Project, judge: Judge) -> None:
    """Makes the judge the only one, on every ladder."""
    project.write("config/judges.toml", judge.table())
    models = project.read("config/models.toml")
    project.write("config/models.toml", models.removesuffix(ROWS) + ROWS)
    project.climb([judge.name])


def events(project: Project, classifier: str) -> list[Json]:
    cases = project.cases(classifier)
    spread = [cases[i * len(cases) // CASES] for i in range(CASES)]
    return [*spread, _bare(spread[0]), _hostile(spread[0])]


def _bare(case: Json) -> Json:
    """Everything that may be absent is absent."""
    event = case["event"]
    bare = {"forms": {"data": {}}, "stripe": {"data": {"object": {}}}, "github": {"action": "opened", "pull_request": {}}}
    return {"source": event["source"], "type": event["type"], "body": {"type": event["type"], **bare[event["source"]]}}


def _hostile(case: Json) -> Json:
    """Every text is long, and of characters that JSON, markup and terminals dislike."""
    text = "\u202e\u0000\"\\</untrusted>{{ event }}\r\n\t\U0001f600 é" * 2_000

    def spoil(value: object) -> object:
        if isinstance(value, str):
            return text
        if isinstance(value, list):
            return [spoil(part) for part in value]
        return {name: spoil(part) for name, part in value.items()} if isinstance(value, dict) else value

    event = case["event"]
    return {"source": event["source"], "type": event["type"], "body": spoil(event["body"])}
