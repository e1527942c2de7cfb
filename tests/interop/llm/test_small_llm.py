"""Hookyard asks a real language model and makes something of its real free text.

Only the plumbing is proven: what the model says about an event has no value, and no test looks at its labels. What each answer
is worth is worked out here anew, from what came over the wire, and Hookyard's record must say the same."""

from __future__ import annotations

import json
import re
import unittest
import urllib.error
import urllib.request
from contextlib import ExitStack

from jsonschema import Draft202012Validator

from support import small_llm, yard
from support.project import Json, Project, Service
from support.relay import PATHS, Exchange, Relay
from support.sdk import APIS, CHAT, MESSAGES, RESPONSES, Api, wrong

MODEL = "smollm2"

# Its own row: what it takes.
ROW = f"""
[[model]]
id = "{MODEL}"
sampling = true
context_tokens = {small_llm.CONTEXT_TOKENS}
price = {{ input = 0, output = 0 }}
"""

# The server holds Chat Completions to the schema, and ignores it under the other two: those answer in free text.
LADDERS = {
    "alone": ["free"],
    "fallback": ["free", "loose", "held"],
    "cut": ["brief", "held"],
}

# Longest answer; what needs more is cut.
WHOLE_TOKENS, BRIEF_TOKENS = 200, 8

# A line of what it said is its own, and not a word that stood in the question, if it is longer.
LINE_CHARS_MIN = 40

# What it says of one event it may not say of the next: the fence around an event's text is another one each time. It is
# asked about more of them until all that is to happen has happened.
TEXTS = [
    "May we see a demo for twelve people next week?",
    "The export has been failing since this morning, with an error 500.",
    "Please send me the invoice of March once more.",
    "You have won a prize, click here.",
    "Who is to water the plants next week?",
    "Your service is down and nobody answers the telephone.",
]

# About ten questions of a thousand tokens each, on a machine that may be busy otherwise.
ANSWERED_WITHIN_S = 600.0


class SmallLlm(unittest.TestCase):
    running: ExitStack
    relay: Relay
    service: Service
    schema: Json
    jobs: list[tuple[str, Json]] = []

    @classmethod
    def setUpClass(cls) -> None:
        cls.running = ExitStack()
        cls.addClassCleanup(cls.running.close)
        address = cls.running.enter_context(small_llm.running())
        cls.relay = cls.running.enter_context(Relay(lambda api, request: forward(address, api, request)).listening())
        project = cls.running.enter_context(Project())
        cls.schema = json.loads(project.read("schemas/triage.schema.json"))
        project.write("config/models.toml", project.read("config/models.toml") + ROW)
        room = f"output_tokens_max = {WHOLE_TOKENS}\ntimeout_ms = {int(ANSWERED_WITHIN_S * 1000)}"
        brief = room.replace(str(WHOLE_TOKENS), str(BRIEF_TOKENS))
        judges = [
            yard.judge("held", CHAT, cls.relay, MODEL, room, key="none"),
            yard.judge("free", MESSAGES, cls.relay, MODEL, room, key="none"),
            yard.judge("loose", RESPONSES, cls.relay, MODEL, room, key="none"),
            yard.judge("brief", CHAT, cls.relay, MODEL, brief, key="none"),
        ]
        yard.install(project, "".join(judges), LADDERS)
        cls.service = cls.running.enter_context(project.serve())
        for text in TEXTS:
            told = cls.service.settled(cls.service.send(yard.form(text)), ANSWERED_WITHIN_S)
            cls.jobs += [(name, yard.job(told, name)) for name in LADDERS]
            if not cls.missing():
                break

    @classmethod
    def missing(cls) -> list[str]:
        """What is to happen and has not."""
        counted = cls.service.answers()
        wanted = {
            "something that is not JSON": any(flaw == "not_json" and turn == "first" for _, flaw, turn in counted),
            "a second question": any(turn == "repair" for _, _, turn in counted),
            "an answer that was cut": any((judge, flaw) == ("brief", "truncated") for judge, flaw, _ in counted),
            "an answer in words of its own": bool(cls.own_words()),
            "a fall back to the last judge": any(judge == "held" for judge, _, _ in counted),
        }
        return [what for what, has_happened in wanted.items() if not has_happened]

    @classmethod
    def own_words(cls) -> list[str]:
        """Lines of its first answers that no question holds: it likes to repeat what it was asked."""
        firsts = [exchange for exchange in cls.relay.kept() if not is_repair(exchange)]
        asked = "".join(json.dumps(exchange.request, ensure_ascii=False) for exchange in firsts)
        return [line for exchange in firsts for line in lines(exchange) if line not in asked]

    def outcome(self, purchase: Json) -> str:
        """What an answer is worth: `valid`, or what is wrong with it, from the vendor's shape of it on."""
        raw = json.loads(purchase["answer"]["raw"])
        text, is_cut = said(raw), raw.get("stop_reason") == "max_tokens" or raw.get("status") == "incomplete"
        if "choices" in raw:
            is_cut = raw["choices"][0]["finish_reason"] == "length"
        if is_cut:
            return "truncated"
        if not text.strip():
            return "empty"
        fenced = re.fullmatch(r"\s*```json(.*)```\s*", text, re.DOTALL)
        try:
            output = json.loads(fenced[1] if fenced else text)
        except ValueError:
            return "not_json"
        return "valid" if Draft202012Validator(self.schema).is_valid(output) else "out_of_schema"

    def test_every_answer_is_on_record_as_it_came_with_its_model_and_tokens(self) -> None:
        bought = [purchase for _, job in self.jobs for purchase in job["purchases"]]
        kept = self.relay.kept()
        self.assertTrue(all(exchange.status == 200 for exchange in kept), kept)
        self.assertEqual(sorted(one["answer"]["raw"] for one in bought), sorted(exchange.answer for exchange in kept))
        for one in bought:
            usage = json.loads(one["answer"]["raw"])["usage"]
            tokens = one["answer"]["tokens"]
            read = sum(tokens[kind] for kind in ("input_uncached", "cache_write", "cache_read"))
            said = usage.get("completion_tokens", usage.get("output_tokens"))
            self.assertEqual((one["state"], one["answer"]["model"], tokens["output"]), ("answered", MODEL, said))
            self.assertGreater(read, 500, "the shipped prompt is longer")
            self.assertGreater(said, 0)

    def test_each_judge_was_heard_at_most_twice_and_the_second_time_only_after_what_can_be_repaired(self) -> None:
        for name, job in self.jobs:
            for judge in LADDERS[name]:
                heard = [self.outcome(one) for one in job["purchases"] if one["judge"] == judge]
                with self.subTest(route=name, judge=judge, heard=heard):
                    self.assertLessEqual(len(heard), 2)
                    if len(heard) == 2:
                        self.assertIn(heard[0], ("not_json", "empty", "out_of_schema"))
                    if len(heard) == 1:
                        self.assertIn(heard[0], ("valid", "truncated"))

    def test_the_record_says_of_each_ladder_what_the_answers_were_worth(self) -> None:
        for name, job in self.jobs:
            ladder = LADDERS[name]
            last = {judge: [self.outcome(one) for one in job["purchases"] if one["judge"] == judge][-1:] for judge in ladder}
            decided = next((judge for judge in ladder if last[judge] == ["valid"]), None)
            with self.subTest(route=name, last=last):
                if decided is None:
                    self.assertEqual((job["state"], job.get("verdict")), ("waiting", None))
                    self.assertIn("no judge decided", job["reason"])
                    for judge in ladder:
                        self.assertIn(judge, job["reason"])
                    continue
                verdict, before = job["verdict"], ladder[: ladder.index(decided)]
                self.assertEqual((job["state"], verdict["judge"], verdict["judged_by"]), ("done", decided, "LLM"))
                self.assertEqual(list(Draft202012Validator(self.schema).iter_errors(verdict["output"])), [])
                self.assertEqual([rung["judge"] for rung in verdict["rungs"]], [*before, decided])
                self.assertEqual([rung["outcome"] for rung in verdict["rungs"]], ["invalid"] * len(before) + ["decided"])
                for rung in verdict["rungs"]:
                    if last[rung["judge"]] == ["not_json"]:
                        self.assertIn("not JSON", rung["said"])

    def test_all_that_was_to_happen_did(self) -> None:
        self.assertEqual(self.missing(), [])
        self.assertEqual(sum(self.service.answers().values()), len(self.relay.kept()))

    def test_its_answers_never_come_back_to_it(self) -> None:
        for exchange in filter(is_repair, self.relay.kept()):
            for line in self.own_words():
                self.assertNotIn(line, json.dumps(exchange.request, ensure_ascii=False))

    def test_what_was_sent_is_what_the_sdks_admit(self) -> None:
        for exchange in self.relay.kept():
            self.assertIsNone(wrong(exchange.api, exchange.request))

    def test_both_vendors_shapes_were_spoken(self) -> None:
        self.assertEqual({exchange.api for exchange in self.relay.kept()}, set(APIS))


def is_repair(exchange: Exchange) -> bool:
    return "could not be used" in json.dumps(exchange.request)


def said(answer: Json) -> str:
    """The model's own words, from any vendor's shape."""
    if "choices" in answer:
        return str(answer["choices"][0]["message"]["content"])
    if "content" in answer:
        return "".join(part["text"] for part in answer["content"])
    return "".join(part["text"] for item in answer["output"] if item["type"] == "message" for part in item["content"])


def lines(exchange: Exchange) -> list[str]:
    """What was answered, as far as its lines are long enough to be the model's own."""
    return [line for line in said(json.loads(exchange.answer)).splitlines() if len(line) > LINE_CHARS_MIN]


def forward(address: str, api: Api, request: Json) -> tuple[int, str]:
    """Asks the model's server."""
    (path,) = (path for path, of in PATHS.items() if of is api)
    asked = urllib.request.Request(address + path, json.dumps(request).encode(), {"content-type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked, timeout=ANSWERED_WITHIN_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


if __name__ == "__main__":
    unittest.main()
