"""The official SDKs' word on what a vendor's API takes and says."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import BaseModel, TypeAdapter

Json = dict[str, Any]

# Longest message of a checker that is shown; they quote whole prompts.
SHOWN_CHARS_MAX = 300


@dataclass(frozen=True)
class Api:
    """One API of one vendor, as its SDK types it. Its name is that of Hookyard's wire."""

    name: str
    request: Any
    answer: type[BaseModel]
    kind: str
    """How config/judges.toml says it."""


MESSAGES = Api("messages", MessageCreateParamsNonStreaming, Message, 'kind = "anthropic"')
CHAT = Api("chat", CompletionCreateParamsNonStreaming, ChatCompletion, 'kind = "openai"')
RESPONSES = Api("responses", ResponseCreateParamsNonStreaming, Response, 'kind = "openai"\napi = "responses"')
APIS = (MESSAGES, CHAT, RESPONSES)


def closed(schema: Any) -> Any:
    """The same schema, in which an object with named fields takes no others: a misspelt field is no field.

    Maps, such as the JSON Schema inside a request, name no fields and stay open. The SDKs' types of answers, which their
    types of requests let through in places, say that they are open: a client must bear new fields, a server need not."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        out["additionalProperties"] = False
    return out


@cache
def checker(api: Api) -> Draft202012Validator:
    schema = closed(TypeAdapter(api.request).json_schema())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def wrong(api: Api, body: Json) -> str | None:
    """Why the SDK's types do not admit a request body; `None` if they do."""
    error = best_match(checker(api).iter_errors(body))
    if error is None:
        return None
    return f"{error.json_path}: {error.message[:SHOWN_CHARS_MAX]}"


@cache
def model_ids(api: Api) -> frozenset[str]:
    """Every model id that the SDK spells out for an API."""
    schema = TypeAdapter(api.request).json_schema()
    defs = schema.get("$defs", {})

    def ids(part: Any) -> set[str]:
        if "$ref" in part:
            return ids(defs[part["$ref"].rsplit("/", 1)[1]])
        return set(part.get("enum", [])).union(*(ids(option) for option in part.get("anyOf", [])))

    return frozenset(ids(schema["properties"]["model"]))


def unfit(api: Api, answer: str) -> list[str]:
    """What of an answer the SDK's type does not know: a wrong type, a missing field, or a field that it has not."""
    try:
        read = api.answer.model_validate_json(answer)
    except ValueError as error:
        return [str(error)]
    return list(_unknown(read, "$"))


def _unknown(read: Any, path: str) -> list[str]:
    if isinstance(read, list):
        return [name for i, part in enumerate(read) for name in _unknown(part, f"{path}[{i}]")]
    if not isinstance(read, BaseModel):
        return []
    here = [f"{path}.{name}: no such field" for name in read.model_extra or {}]
    return here + [name for field in type(read).model_fields for name in _unknown(getattr(read, field), f"{path}.{field}")]


@dataclass(frozen=True)
class Sent:
    url: str
    headers: dict[str, str]
    body: Json


def sent_by_sdk(api: Api, body: Json) -> Sent:
    """What the SDK's own client sends when it is given the fields of `body` as arguments. Nothing leaves this process.

    It raises `TypeError` for a field that the client's method does not have."""
    sent: list[Sent] = []

    def catch(request: httpx2.Request) -> httpx2.Response:
        sent.append(Sent(str(request.url), dict(request.headers), json.loads(request.content)))
        return httpx2.Response(400, json={"error": {"type": "invalid_request_error", "message": "caught"}})

    try:
        _create(api, httpx2.Client(transport=httpx2.MockTransport(catch)))(**copy.deepcopy(body))
    except (anthropic.BadRequestError, openai.BadRequestError):
        pass
    (only,) = sent
    return only


def _create(api: Api, http: httpx2.Client) -> Callable[..., object]:
    if api is MESSAGES:
        return anthropic.Anthropic(api_key="k", max_retries=0, http_client=http).messages.create
    client = openai.OpenAI(api_key="k", max_retries=0, http_client=http)
    return client.chat.completions.create if api is CHAT else client.responses.create
