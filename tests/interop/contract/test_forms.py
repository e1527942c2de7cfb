"""The form of the answer that vendors are told is one that their own SDKs would not change.

Both SDKs bring any JSON Schema into what their vendor's structured output takes. Hookyard does that itself, so there must be
nothing left for them to do."""

from __future__ import annotations

import copy
import json
import unittest
from typing import Any

import anthropic
import openai
from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from support.matrix import CLASSIFIERS, Judge, install
from support.project import Json, Project
from support.sdk import CHAT

# Everything that a schema file may hold and a wire schema may not, and everything that both may.
BROAD: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Broad",
    "type": "object",
    "additionalProperties": False,
    "required": ["reason", "label", "confidence"],
    "properties": {
        "reason": {"type": "string", "minLength": 3, "maxLength": 600, "pattern": "^[^<>]*$"},
        "label": {"type": "string", "enum": ["yes", "no"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "count": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 2},
        "always": {"const": "this"},
        "mixed": {"enum": ["a", "b"]},
        "mail": {"type": "string", "format": "email"},
        "path": {"type": "string", "format": "json-pointer"},
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "either": {"oneOf": [{"type": "boolean"}, {"$ref": "#/$defs/part"}], "description": "one of both"},
        "parts": {"type": "array", "minItems": 1, "maxItems": 9, "uniqueItems": True, "items": {"$ref": "#/$defs/part"}},
        "many": {"type": "array", "minItems": 3, "items": {"type": "string"}},
    },
    "$defs": {"part": {"type": "object", "properties": {"name": {"type": "string"}, "deep": {"type": "array", "items": {"type": "number"}}}}},
}


def by_anthropic(form: Json) -> Json:
    return anthropic.transform_schema(copy.deepcopy(form))


def by_openai(form: Json) -> Json:
    """What OpenAI's SDK tells of a type whose schema is `form`."""

    class Form(BaseModel):
        @classmethod
        def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
            return copy.deepcopy(form)

    return openai.pydantic_function_tool(Form)["function"]["parameters"]  # type: ignore[return-value]


def untyped(form: Any) -> Any:
    """Without the type beside fixed values, which says nothing that they do not: Anthropic's SDK leaves it out, OpenAI's in."""
    if isinstance(form, list):
        return [untyped(part) for part in form]
    if not isinstance(form, dict):
        return form
    fixed = ("enum" in form or "const" in form) and isinstance(form.get("type"), str)
    return {key: untyped(part) for key, part in form.items() if not (key == "type" and fixed)}


class Forms(unittest.TestCase):
    forms: dict[str, Json] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with Project() as project:
            install(project, Judge("gpt", CHAT, "gpt-6-luna"))
            for classifier in CLASSIFIERS:
                drawn = project.render(classifier, project.cases(classifier)[0], "gpt")
                cls.forms[classifier] = drawn["body"]["response_format"]["json_schema"]["schema"]
            project.write("schemas/broad.schema.json", json.dumps(BROAD))
            project.write(
                "config/classifiers.toml",
                '[classifier.broad]\nprompts = "triage"\ntext = ""\nladder = [{ judge = "gpt" }]\n',
            )
            project.write("config/routes.toml", "")
            drawn = project.render("broad", project.cases("triage")[0], "gpt")
            cls.forms["broad"] = drawn["body"]["response_format"]["json_schema"]["schema"]

    def test_anthropics_sdk_would_not_change_them(self) -> None:
        for name, form in self.forms.items():
            with self.subTest(form=name):
                self.assertEqual(by_anthropic(form), untyped(form))

    def test_openais_sdk_would_not_change_them(self) -> None:
        for name, form in self.forms.items():
            with self.subTest(form=name):
                self.assertEqual(by_openai(form), form)

    def test_the_sdks_would_change_what_is_not_fit(self) -> None:
        """Otherwise the tests above would prove nothing."""
        shipped = self.forms["triage"]
        for by, part, keyword in (
            (by_anthropic, "confidence", {"minimum": 0}),
            (by_anthropic, "reason", {"maxLength": 9}),
            (by_anthropic, "reason", {"format": "json-pointer"}),
        ):
            spoilt = copy.deepcopy(shipped)
            spoilt["properties"][part] |= keyword
            self.assertNotEqual(by(spoilt), untyped(spoilt), keyword)
        for by in (by_anthropic, by_openai):
            spoilt = {key: part for key, part in shipped.items() if key != "additionalProperties"}
            self.assertNotEqual(untyped(by(spoilt)), untyped(spoilt))
        spoilt = shipped | {"required": []}
        self.assertNotEqual(by_openai(spoilt), spoilt)

    def test_the_broad_form_still_holds_every_field_and_says_the_bounds_in_words(self) -> None:
        told = self.forms["broad"]["properties"]
        self.assertEqual(list(told), list(BROAD["properties"]))
        for name, words in (("count", "a multiple of 2"), ("many", "at least 3 items"), ("path", "json-pointer")):
            # What need not be there is its value or null.
            value = told[name] if name in BROAD["required"] else told[name]["anyOf"][0]
            self.assertIn(words, value["description"])


if __name__ == "__main__":
    unittest.main()
