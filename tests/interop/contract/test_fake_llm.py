"""`hookyard fake-llm` stands in for the vendors so well that their own clients take it for them.

It is what Hookyard's other tests and users' trials rest on: were its answers of another shape than the vendors', those would
prove nothing."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import unittest
from typing import Any

import anthropic
import httpx2
import openai

from support.matrix import Judge, install
from support.project import PATIENCE_S, PROGRAM, Json, Project
from support.sdk import APIS, CHAT, MESSAGES, RESPONSES, Api, unfit

KEY = "any-key"
MODELS = {MESSAGES: "claude-haiku-5-5", CHAT: "gpt-6-luna", RESPONSES: "gpt-6-luna"}


class FakeLlm(unittest.TestCase):
    child: subprocess.Popen[str]
    anthropic: str
    openai: str
    bodies: dict[Api, Json] = {}

    @classmethod
    def setUpClass(cls) -> None:
        known = subprocess.run([PROGRAM, "fake-llm", "--help"], capture_output=True, encoding="utf-8", check=False)
        if known.returncode != 0:
            raise AssertionError(f"{PROGRAM.name} has no command `fake-llm`: {known.stderr.strip()}")
        with Project() as project:
            for api in APIS:
                install(project, Judge(api.name, api, MODELS[api]))
                cls.bodies[api] = project.render("triage", project.cases("triage")[0], api.name)["body"]
        command = [PROGRAM, "fake-llm", "--listen", "127.0.0.1:0", "--json"]
        cls.child = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
        cls.addClassCleanup(cls.stop)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=cls.read, args=(lines,), daemon=True).start()
        where = json.loads(lines.get(timeout=PATIENCE_S))
        cls.anthropic, cls.openai = where["anthropic"], where["openai"]

    @classmethod
    def read(cls, lines: queue.Queue[str]) -> None:
        """Also later on: it waits for a reader of what it tells of each request."""
        assert cls.child.stdout is not None
        with cls.child.stdout as said:
            for line in said:
                lines.put(line)

    @classmethod
    def stop(cls) -> None:
        cls.child.terminate()
        try:
            cls.child.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            cls.child.kill()
            cls.child.wait()

    def ask(self, api: Api, body: Json) -> tuple[Any, str]:
        """What the SDK's client reads, and the body as it came."""
        came: list[str] = []

        def keep(response: httpx2.Response) -> None:
            response.read()
            came.append(response.text)

        # No proxy of the caller's, and nothing is tried again: the first answer counts.
        http = httpx2.Client(trust_env=False, event_hooks={"response": [keep]}, timeout=PATIENCE_S)
        with http:
            if api is MESSAGES:
                claude = anthropic.Anthropic(api_key=KEY, base_url=self.anthropic, max_retries=0, http_client=http)
                return claude.messages.create(**body), came[0]
            gpt = openai.OpenAI(api_key=KEY, base_url=self.openai, max_retries=0, http_client=http)
            create = gpt.chat.completions.create if api is CHAT else gpt.responses.create
            return create(**body), came[0]

    def said(self, api: Api, answer: Any) -> str:
        if api is MESSAGES:
            return "".join(block.text for block in answer.content if block.type == "text")
        return answer.choices[0].message.content if api is CHAT else answer.output_text

    def test_the_clients_read_an_answer_to_what_hookyard_asks(self) -> None:
        for api in APIS:
            with self.subTest(api=api.name):
                answer, came = self.ask(api, self.bodies[api])
                self.assertEqual(unfit(api, came), [])
                self.assertEqual(set(json.loads(self.said(api, answer))), {"reason", "label", "urgency", "confidence"})

    def test_the_clients_count_the_tokens(self) -> None:
        for api in APIS:
            with self.subTest(api=api.name):
                usage = self.ask(api, self.bodies[api])[0].usage
                bought = (usage.prompt_tokens, usage.completion_tokens) if api is CHAT else (usage.input_tokens, usage.output_tokens)
                self.assertTrue(all(count > 0 for count in bought), bought)

    def test_a_bad_request_is_the_clients_own_error(self) -> None:
        for api in APIS:
            body = self.bodies[api] | {"model": ""}
            with self.subTest(api=api.name), self.assertRaises((anthropic.BadRequestError, openai.BadRequestError)) as refused:
                self.ask(api, body)
            error = refused.exception.body
            self.assertIsInstance(error, dict)
            told = error["error"] if api is MESSAGES else error
            self.assertEqual(told["type"], "invalid_request_error")


if __name__ == "__main__":
    unittest.main()
