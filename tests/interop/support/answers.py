"""Answers of the three APIs, made of the SDKs' own types: what is no answer by them cannot be made here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from anthropic.types import StopReason
from openai.types.chat.chat_completion import Choice
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_status import ResponseStatus
from pydantic import BaseModel

from .sdk import CHAT, MESSAGES, Api, Json

# As the vendors count them, each in its way; brought to one form they are the same for all three.
UNCACHED, CACHE_WRITE, CACHE_READ, OUTPUT = 100, 7, 5, 11
TOKENS = {"input_uncached": UNCACHED, "cache_write": CACHE_WRITE, "cache_read": CACHE_READ, "output": OUTPUT}
INPUT = UNCACHED + CACHE_WRITE + CACHE_READ


@dataclass(frozen=True)
class Says:
    """What a model says, whichever API it stands behind."""

    text: str = ""
    end: str = "whole"
    """`whole`, `cut`, `refused` or `filtered`; Anthropic has no filter of its own and refuses."""


def answer(api: Api, says: Says, model: str) -> str:
    """The body of the response. Fields that may be null are null, not absent."""
    make = _messages if api is MESSAGES else _chat if api is CHAT else _responses
    return api.answer.model_validate(make(says, model)).model_dump_json()


def ends(api: Api, text: str, model: str) -> list[tuple[str, str]]:
    """One answer for each end that the SDK's type lists, all with the same text; and what its end is called."""
    whole = json.loads(answer(api, Says(text), model))
    if api is MESSAGES:
        named = {reason: {"stop_reason": reason} for reason in get_args(StopReason)}
    elif api is CHAT:
        choice = whole["choices"][0]
        named = {reason: {"choices": [choice | {"finish_reason": reason}]} for reason in _words(Choice, "finish_reason")}
    else:
        named = {status: {"status": status} for status in get_args(ResponseStatus)}
        for reason in _words(IncompleteDetails, "reason"):
            named[f"incomplete: {reason}"] = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    return [(name, api.answer.model_validate(whole | fields).model_dump_json()) for name, fields in named.items()]


def _words(of: type[BaseModel], field: str) -> list[str]:
    """The words that a field of a type may be."""
    typed = of.model_fields[field].annotation
    options = [typed] if get_origin(typed) is Literal else get_args(typed)
    return [word for option in options if get_origin(option) is Literal for word in get_args(option)]


def _messages(says: Says, model: str) -> Json:
    stop = {"whole": "end_turn", "cut": "max_tokens"}.get(says.end, "refusal")
    content: list[Json] = [{"type": "thinking", "thinking": "{}", "signature": "s"}]
    if says.text:
        content.append({"type": "text", "text": says.text})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_details": {"type": "refusal", "category": "cyber"} if stop == "refusal" else None,
        "usage": {
            "input_tokens": UNCACHED,
            "cache_creation_input_tokens": CACHE_WRITE,
            "cache_read_input_tokens": CACHE_READ,
            "output_tokens": OUTPUT,
            "output_tokens_details": {"thinking_tokens": 2},
            "service_tier": "standard",
        },
    }


def _chat(says: Says, model: str) -> Json:
    finish = {"cut": "length", "filtered": "content_filter"}.get(says.end, "stop")
    refusal = "I cannot help with that." if says.end == "refused" else None
    message = {"role": "assistant", "content": says.text or None, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}],
        "usage": {
            "prompt_tokens": INPUT,
            "completion_tokens": OUTPUT,
            "total_tokens": INPUT + OUTPUT,
            "prompt_tokens_details": {"cached_tokens": CACHE_READ, "cache_write_tokens": CACHE_WRITE},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def _responses(says: Says, model: str) -> Json:
    reason = {"cut": "max_output_tokens", "filtered": "content_filter"}.get(says.end)
    status = "incomplete" if reason else "completed"
    part: dict[str, Any] = {"type": "output_text", "text": says.text, "annotations": [], "logprobs": []}
    if says.end == "refused":
        part = {"type": "refusal", "refusal": "I cannot help with that."}
    said = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [{"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "{}"}]}, said],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": INPUT,
            "input_tokens_details": {"cached_tokens": CACHE_READ, "cache_write_tokens": CACHE_WRITE},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": INPUT + OUTPUT,
        },
    }


def output(**fields: object) -> str:
    """A valid output of triage, but for `fields`."""
    return json.dumps({"reason": "It reads like it.", "label": "lead", "urgency": "low", "confidence": 0.9} | fields)
