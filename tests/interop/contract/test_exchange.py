"""What the running service sends, and what it makes of answers that are made of the SDKs' own types."""

from __future__ import annotations

import unittest
from collections import Counter
from contextlib import ExitStack

from support import yard
from support.answers import TOKENS, Says, answer, ends, output
from support.project import Json, Project, Service
from support.relay import Relay
from support.sdk import APIS, CHAT, MESSAGES, RESPONSES, Api, sent_by_sdk, unfit, wrong

MODELS = {MESSAGES: "claude-haiku-5-5", CHAT: "gpt-6-luna", RESPONSES: "gpt-6-luna"}

PROSE = Says("I would say that this is a lead, but who knows?")
VALID = Says(output())

# What a model says in turn, and what each answer is counted as.
SCENES: list[tuple[str, list[Says], list[str]]] = [
    ("a valid answer", [VALID], ["valid"]),
    ("in other letter case", [Says(output(label="LEAD", urgency="Low"))], ["valid"]),
    ("fenced", [Says(f"```json\n{output()}\n```")], ["valid"]),
    ("free text, then valid", [PROSE, VALID], ["not_json", "valid"]),
    ("free text twice", [PROSE, PROSE], ["not_json", "not_json"]),
    ("a label that nobody knows, then valid", [Says(output(label="leads")), VALID], ["wrong_enum", "valid"]),
    ("an unknown field, then valid", [Says(output(note="")), VALID], ["extra_field", "valid"]),
    ("too sure, then valid", [Says(output(confidence=7)), VALID], ["out_of_schema", "valid"]),
    ("nothing, then valid", [Says(), VALID], ["empty", "valid"]),
    ("cut", [Says('{"reason": "It', end="cut")], ["truncated"]),
    ("refused", [Says(end="refused")], ["refused"]),
]

# Ends after which nothing is to be read; a valid text before any other end is an answer.
USELESS = {
    MESSAGES: {"refusal": "refused", "max_tokens": "truncated", "model_context_window_exceeded": "overlong"},
    CHAT: {"length": "truncated", "content_filter": "filtered"},
    RESPONSES: {
        "failed": "broken",
        "cancelled": "broken",
        "incomplete": "broken",
        "incomplete: max_output_tokens": "truncated",
        "incomplete: content_filter": "filtered",
        "incomplete: max_messages": "broken",
        "incomplete: steered": "broken",
    },
}


class Exchanges(unittest.TestCase):
    script: dict[Api, list[str]] = {}
    relay: Relay
    service: Service
    running: ExitStack

    @classmethod
    def setUpClass(cls) -> None:
        cls.running = ExitStack()
        cls.addClassCleanup(cls.running.close)
        cls.relay = cls.running.enter_context(Relay(lambda api, _: cls.says(api)).listening())
        project = cls.running.enter_context(Project())
        judges = "".join(yard.judge(api.name, api, cls.relay, MODELS[api]) for api in APIS)
        yard.install(project, judges, {api.name: [api.name] for api in APIS})
        cls.service = cls.running.enter_context(project.serve())

    @classmethod
    def says(cls, api: Api) -> tuple[int, str]:
        lines = cls.script[api]
        return (200, lines.pop(0)) if lines else (400, '{"error": {"message": "asked once too often"}}')

    def play(self, script: dict[Api, list[str]], name: str) -> tuple[Json, Counter[tuple[str, str, str]]]:
        """The timeline of one delivery, and what was counted on its way."""
        type(self).script = script
        before = self.service.answers()
        told = self.service.settled(self.service.send(yard.form(name)))
        self.assertEqual(script, {api: [] for api in script}, "not everything was asked for")
        return told, self.service.answers() - before

    def test_each_answer_is_read_as_its_type_means_it(self) -> None:
        for name, says, outcomes in SCENES:
            script = {api: [answer(api, one, MODELS[api]) for one in says] for api in APIS}
            told, counted = self.play(script, name)
            for api in APIS:
                with self.subTest(scene=name, api=api.name):
                    self.judged(yard.job(told, api.name), outcomes)
                    want = Counter((api.name, outcome, attempt) for outcome, attempt in zip(outcomes, ("first", "repair")))
                    self.assertEqual({key: n for key, n in counted.items() if key[0] == api.name}, want)

    def judged(self, job: Json, outcomes: list[str]) -> None:
        bought = job["purchases"]
        self.assertEqual([one["state"] for one in bought], ["answered"] * len(outcomes))
        self.assertEqual([one["answer"]["tokens"] for one in bought], [TOKENS] * len(outcomes))
        if outcomes[-1] != "valid":
            self.assertEqual((job["state"], job.get("verdict")), ("waiting", None))
            return
        verdict = job["verdict"]
        self.assertEqual((job["state"], verdict["label"], verdict["judged_by"]), ("done", "lead", "LLM"))
        self.assertEqual(verdict["output"]["urgency"], "low")
        self.assertEqual(verdict["tokens"], {kind: n * len(outcomes) for kind, n in TOKENS.items()})
        self.assertEqual(len(outcomes) > 1, "second try" in verdict["rungs"][-1]["said"], verdict["rungs"])

    def test_every_end_that_the_types_list_is_known_for_what_it_is(self) -> None:
        for api in APIS:
            others = [other for other in APIS if other is not api]
            for name, said in ends(api, output(), MODELS[api]):
                script = {api: [said]} | {other: [answer(other, VALID, MODELS[other])] for other in others}
                _, counted = self.play(script, name)
                with self.subTest(api=api.name, end=name):
                    want = USELESS[api].get(name, "valid")
                    self.assertEqual([key[1] for key in counted if key[0] == api.name], [want])

    def test_what_is_sent_is_what_the_sdks_admit_and_send_repairs_included(self) -> None:
        script = {api: [answer(api, PROSE, MODELS[api]), answer(api, VALID, MODELS[api])] for api in APIS}
        seen = len(self.relay.kept())
        self.play(script, "to be looked at")
        kept = self.relay.kept()[seen:]
        for api in APIS:
            first, repair = (exchange for exchange in kept if exchange.api is api)
            self.assertNotEqual(first.request, repair.request)
            for exchange in (first, repair):
                with self.subTest(api=api.name, repair=exchange is repair):
                    self.assertIsNone(wrong(api, exchange.request))
                    sent = sent_by_sdk(api, exchange.request)
                    self.assertEqual(sent.body, exchange.request)
                    self.assertNotIn(PROSE.text, str(exchange.request), "what a model wrote never comes back to it")
                    for header in ("content-type", "anthropic-version"):
                        self.assertEqual(exchange.headers.get(header), sent.headers.get(header), header)
                    # Anthropic takes the key in either header; its older servers know the first only.
                    header, key = ("x-api-key", yard.KEY) if api is MESSAGES else ("authorization", f"Bearer {yard.KEY}")
                    self.assertEqual(exchange.headers.get(header), key)

    def test_the_answers_of_this_test_are_what_the_types_know(self) -> None:
        for api in APIS:
            self.assertEqual(unfit(api, answer(api, VALID, MODELS[api])), [])


if __name__ == "__main__":
    unittest.main()
