"""A project in which one delivery is judged once for each API, by judges behind a relay."""

from __future__ import annotations

import json

from .project import Json, Project
from .relay import Relay
from .sdk import Api

FILTER = """
[[rule]]
types = ["lead.form.submitted"]
lane = "normal"

[otherwise]
lane = "ignore"
"""

KEY = "sk-of-the-interop-tests"


def judge(name: str, api: Api, relay: Relay, model: str, more: str = "", key: str = "${MODEL_KEY}") -> str:
    return (
        f'[judge.{name}]\n{api.kind}\nbase_url = "{relay.base_url(api)}"\nallow_private = true\n'
        f'model = {json.dumps(model)}\napi_key = "{key}"\n{more}\n'
    )


def classifier(name: str, ladder: list[str]) -> str:
    """Reads what triage reads."""
    rungs = ", ".join(f'{{ judge = "{rung}" }}' for rung in ladder)
    return f'[classifier.{name}]\nprompts = "triage"\nschema = "triage"\ntext = ""\nladder = [{rungs}]\n'


def route(name: str) -> str:
    """Does nothing about the verdict but to keep it."""
    return f'[route.{name}]\ntypes = ["lead.form.submitted"]\nclassifier = "{name}"\n'


def install(project: Project, judges: str, ladders: dict[str, list[str]]) -> None:
    """Makes one route and one classifier of each ladder, in place of what was shipped."""
    project.env["MODEL_KEY"] = KEY
    project.write("config/judges.toml", judges)
    project.write("config/classifiers.toml", "\n".join(classifier(*ladder) for ladder in ladders.items()))
    project.write("config/routes.toml", "\n".join(map(route, ladders)))
    project.write("config/filter.toml", FILTER)


def form(message: str) -> Json:
    data = {"name": "Ada", "email": "ada@engines.example", "subject": "A question", "message": message}
    return {"type": "lead.form.submitted", "data": data}


def job(timeline: Json, name: str) -> Json:
    """The job of a route, with its attempts and purchases."""
    (only,) = (told for told in timeline["jobs"] if told.get("route") == name)
    return only
