"""Every request body that Hookyard makes is one that the official SDKs' types admit, and that their clients would send."""

from __future__ import annotations

import unittest
from concurrent.futures import ThreadPoolExecutor

from support.matrix import CLASSIFIERS, Judge, events, install, judges
from support.project import Json, Project
from support.sdk import APIS, CHAT, MESSAGES, RESPONSES, model_ids, sent_by_sdk, wrong

# Each rendering is a process of its own.
AT_ONE_TIME = 2


def draw(judge: Judge, about: list[tuple[str, Json]]) -> list[tuple[Judge, Json]]:
    """What the judge would be asked, with a project that has no other: each judge costs time at each start."""
    with Project() as project:
        install(project, judge)
        return [(judge, project.render(classifier, event, judge.name)) for classifier, event in about]


class Requests(unittest.TestCase):
    rendered: list[tuple[Judge, Json]] = []
    judges: list[Judge] = []
    models: list[Json] = []

    @classmethod
    def setUpClass(cls) -> None:
        with Project() as project:
            cls.models = project.models()
            cls.judges = judges(cls.models)
            # How a model is asked does not depend on what it is asked about: not every pair is needed.
            wanted = [(judge, [("triage", project.cases("triage")[0])]) for judge in cls.judges]
            for api in APIS:
                first = next(judge for judge in cls.judges if judge.api is api)
                wanted.append((first, [(name, event) for name in CLASSIFIERS for event in events(project, name)]))
        with ThreadPoolExecutor(AT_ONE_TIME) as pool:
            cls.rendered = [pair for pairs in pool.map(lambda some: draw(*some), wanted) for pair in pairs]

    def test_every_body_is_valid_by_the_sdks_types(self) -> None:
        self.assertGreater(len(self.rendered), 80)
        for judge, draft in self.rendered:
            with self.subTest(judge=judge.name):
                self.assertIsNone(wrong(judge.api, draft["body"]))

    def test_the_sdks_clients_send_the_same_body_to_the_same_address(self) -> None:
        for judge, draft in self.rendered:
            with self.subTest(judge=judge.name):
                sent = sent_by_sdk(judge.api, draft["body"])
                self.assertEqual(sent.body, draft["body"])
                if not judge.more:
                    self.assertEqual(sent.url, draft["url"])

    def test_what_a_model_is_told_apart_was_among_them(self) -> None:
        """Otherwise the other tests could pass on bodies that say next to nothing."""
        asked = {api: [draft["body"] for judge, draft in self.rendered if judge.api is api] for api in APIS}
        limits = {"max_completion_tokens", "max_tokens"}
        for api, want in (
            (MESSAGES, {"model", "max_tokens", "system", "messages", "output_config"}),
            (CHAT, {"model", "messages", "response_format", "temperature", "reasoning_effort", "store"} | limits),
            (
                RESPONSES,
                {"model", "instructions", "input", "max_output_tokens", "text", "temperature", "reasoning", "store"},
            ),
        ):
            self.assertLessEqual(want, {name for body in asked[api] for name in body}, api.name)
        for body in asked[CHAT]:
            self.assertEqual(len(limits & body.keys()), 1)

    def test_an_effort_is_sent_where_the_model_takes_it_and_nowhere_else(self) -> None:
        takes = {model["id"]: model.get("efforts", []) for model in self.models}
        for judge, draft in self.rendered:
            body = draft["body"]
            effort = {
                MESSAGES: body.get("output_config", {}).get("effort"),
                CHAT: body.get("reasoning_effort"),
                RESPONSES: body.get("reasoning", {}).get("effort"),
            }[judge.api]
            with self.subTest(judge=judge.name):
                self.assertEqual(effort, judge.effort if judge.effort in takes.get(judge.model, []) else None)

    def test_the_shipped_models_are_known_to_the_sdks(self) -> None:
        for judge in self.judges:
            if judge.model in {model["id"] for model in self.models}:
                self.assertIn(judge.model, model_ids(judge.api))


if __name__ == "__main__":
    unittest.main()
