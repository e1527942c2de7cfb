"""The checkers of this folder refuse what is wrong: a check that never fails proves nothing."""

from __future__ import annotations

import copy
import json
import unittest
from typing import Any

from support.sdk import APIS, CHAT, MESSAGES, RESPONSES, Api, Json, sent_by_sdk, unfit, wrong

FORM: Json = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"], "additionalProperties": False}

REQUESTS: dict[Api, Json] = {
    MESSAGES: {
        "model": "claude-haiku-5-5",
        "max_tokens": 16,
        "system": "Sort.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": FORM}},
    },
    CHAT: {
        "model": "gpt-6-luna",
        "max_completion_tokens": 16,
        "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "a"}],
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "f", "strict": True, "schema": FORM}},
    },
    RESPONSES: {
        "model": "gpt-6-luna",
        "max_output_tokens": 16,
        "instructions": "Sort.",
        "input": [{"type": "message", "role": "user", "content": "a"}],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "f", "strict": True, "schema": FORM}},
    },
}

# Where in a request, and what is put there: fields that no type has, wrong types, and words that are not listed.
SPOILT: list[tuple[Api, str, Any]] = [
    (MESSAGES, "max_token", 16),
    (MESSAGES, "max_tokens", "16"),
    (MESSAGES, "max_tokens", None),
    (MESSAGES, "temperature", "0"),
    (MESSAGES, "messages.0.role", "customer"),
    (MESSAGES, "messages.0.name", "Ada"),
    (MESSAGES, "messages.0.content.1.txt", "b"),
    (MESSAGES, "messages.0.content.1.type", "txt"),
    (MESSAGES, "output_config.effort", "minimal"),
    (MESSAGES, "output_config.formats", {}),
    (MESSAGES, "output_config.format.type", "jsonschema"),
    (MESSAGES, "output_config.format.name", "f"),
    (MESSAGES, "output_config.format.strict", True),
    (MESSAGES, "output_config.format.schema", "{}"),
    (CHAT, "max_output_tokens", 16),
    (CHAT, "store", "no"),
    (CHAT, "messages", []),
    (CHAT, "messages.1.role", "customer"),
    (CHAT, "messages.1.contents", "a"),
    (CHAT, "messages.1.content", 7),
    (CHAT, "reasoning_effort", "least"),
    (CHAT, "response_format.type", "jsonschema"),
    (CHAT, "response_format.json_schema.strict", "true"),
    (CHAT, "response_format.json_schema.form", {}),
    (CHAT, "response_format.schema", FORM),
    (RESPONSES, "max_completion_tokens", 16),
    (RESPONSES, "messages", [{"role": "user", "content": "a"}]),
    (RESPONSES, "input", 7),
    (RESPONSES, "input.0.role", "customer"),
    (RESPONSES, "input.0.contents", "a"),
    (RESPONSES, "reasoning.effort", "least"),
    (RESPONSES, "reasoning.efforts", "low"),
    (RESPONSES, "text.format.type", "jsonschema"),
    (RESPONSES, "text.format.json_schema", {"name": "f", "schema": FORM}),
    (RESPONSES, "text.form", {}),
    (RESPONSES, "store", 0),
]

# Fields without which a request is none.
NEEDED: list[tuple[Api, str]] = [
    (MESSAGES, "model"),
    (MESSAGES, "max_tokens"),
    (MESSAGES, "messages"),
    (MESSAGES, "messages.0.role"),
    (MESSAGES, "output_config.format.schema"),
    (CHAT, "model"),
    (CHAT, "messages"),
    (CHAT, "response_format.json_schema"),
    (CHAT, "response_format.json_schema.name"),
    (RESPONSES, "text.format.name"),
    (RESPONSES, "text.format.schema"),
]


def place(body: Json, path: str) -> tuple[Any, str | int]:
    *way, last = path.split(".")
    at: Any = body
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    return at, int(last) if last.isdigit() else last


class Checker(unittest.TestCase):
    def test_good_requests_are_admitted(self) -> None:
        for api, body in REQUESTS.items():
            self.assertIsNone(wrong(api, body), api.name)
            self.assertEqual(sent_by_sdk(api, body).body, body, api.name)

    def test_each_spoilt_request_is_refused(self) -> None:
        for api, path, value in SPOILT:
            body = copy.deepcopy(REQUESTS[api])
            at, last = place(body, path)
            at[last] = value
            with self.subTest(api=api.name, path=path, value=value):
                # An empty list of turns is refused by the vendor, but not by its types.
                (self.assertIsNone if value == [] else self.assertIsNotNone)(wrong(api, body))

    def test_each_needed_field_is_missed(self) -> None:
        for api, path in NEEDED:
            body = copy.deepcopy(REQUESTS[api])
            at, last = place(body, path)
            del at[last]
            with self.subTest(api=api.name, path=path):
                self.assertIsNotNone(wrong(api, body))

    def test_a_schema_inside_a_request_is_a_map_and_stays_open(self) -> None:
        body = copy.deepcopy(REQUESTS[MESSAGES])
        body["output_config"]["format"]["schema"]["x-note"] = "ours"
        self.assertIsNone(wrong(MESSAGES, body))

    def test_a_client_refuses_arguments_it_does_not_have(self) -> None:
        for api in APIS:
            with self.assertRaises(TypeError, msg=api.name):
                sent_by_sdk(api, REQUESTS[api] | {"max_token": 16})

    def test_an_answer_with_a_missing_an_unknown_or_a_wrong_field_is_unfit(self) -> None:
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a"}}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        self.assertEqual(unfit(CHAT, json.dumps(answer)), [])
        for path, value in [("choices.0.finish_reason", "ended"), ("choices.0.message.text", "a"), ("usage.total_tokens", "x")]:
            spoilt = copy.deepcopy(answer)
            at, last = place(spoilt, path)
            at[last] = value
            self.assertNotEqual(unfit(CHAT, json.dumps(spoilt)), [], path)
        del answer["created"]
        self.assertNotEqual(unfit(CHAT, json.dumps(answer)), [])


if __name__ == "__main__":
    unittest.main()
