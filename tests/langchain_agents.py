"""
What the tests of the LangChain integration share: models that answer from a script, a
bridge into a file, and look-ups in it.
"""

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from opentelemetry.sdk.trace import TracerProvider
from pydantic import PrivateAttr
from recording_data import rows

from otel_bridge.bridge import Bridge, install
from otel_bridge.integrations.langchain import BridgeCallbackHandler


class ScriptedModel(BaseChatModel):
    """
    A chat model that gives prepared answers one after another, the last one for ever.

    A prepared exception is raised. A streamed answer comes a word at a time, and its
    usage in a last chunk of its own.
    """

    answers: Sequence[Any]
    model: str = "gpt-4o"
    breaks_after: int | None = None
    _given: Any = PrivateAttr(default_factory=itertools.count)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_name": self.model, "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        """
        Offer tools, which changes nothing in the script.
        """
        return self

    def _next(self) -> AIMessage:
        with self._lock:
            number = next(self._given)
        answer = self.answers[min(number, len(self.answers) - 1)]
        if isinstance(answer, BaseException):
            raise answer
        return AIMessage(**{k: v for k, v in answer.model_dump().items() if k != "type"})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next())])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._next()
        for number, word in enumerate(str(answer.content).split(" ")):
            if number == self.breaks_after:
                raise ConnectionError("the line broke")
            chunk = AIMessageChunk(content=word if number == 0 else f" {word}")
            made = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=made)
            yield made
        last = AIMessageChunk(
            content="",
            usage_metadata=answer.usage_metadata,
            response_metadata=answer.response_metadata,
            tool_call_chunks=[
                {**call, "args": json.dumps(call["args"]), "index": n, "type": "tool_call_chunk"}
                for n, call in enumerate(answer.tool_calls)
            ],
        )
        yield ChatGenerationChunk(message=last)


def says(text: str, used: tuple[int, int] = (10, 2), **more: Any) -> AIMessage:
    """
    Prepare an answer that used tokens for input and output.
    """
    usage = {"input_tokens": used[0], "output_tokens": used[1], "total_tokens": sum(used)}
    return AIMessage(content=text, usage_metadata=usage, **more)


def asks(*calls: tuple[str, dict[str, Any]], used: tuple[int, int] = (10, 2)) -> AIMessage:
    """
    Prepare an answer that asks for tools: a name and the arguments of each.
    """
    made = [
        {"name": name, "args": args, "id": f"call_{name}_{n}", "type": "tool_call"}
        for n, (name, args) in enumerate(calls)
    ]
    return says("", used, tool_calls=made)


class Recorded:
    """
    A bridge into a file, with a provider of its own, and what it recorded.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.bridge: Bridge = install(path, tracer_provider=self.provider, **options)

    def handler(self, **options: Any) -> BridgeCallbackHandler:
        """
        Make a handler.
        """
        return BridgeCallbackHandler(self.bridge, **options)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """
        Ask the database for what is on disk now.
        """
        assert self.bridge.force_flush()
        assert self.bridge.emitter.rejected == 0
        return rows(self.path, sql, *values)

    def runs(self) -> list[Any]:
        """
        The runs in the order of their starts: agent, status, parent's agent, calls, tools
        and tokens.
        """
        return self.rows(
            """SELECT r.agent_name, r.status, p.agent_name, r.llm_calls, r.tool_calls,
            r.input_tokens, r.output_tokens FROM runs r
            LEFT JOIN runs p ON p.run_id = r.parent_run_id AND p.run_id <> r.run_id
            ORDER BY r.started_ns, r.agent_name"""
        )

    def steps(self, agent: str | None = None) -> list[Any]:
        """
        What was said and is not hidden: role and text.
        """
        found = self.rows(
            """SELECT s.role, m.body FROM steps s JOIN runs r ON r.run_id = s.run_id
            JOIN messages m ON m.id = s.message
            WHERE s.hidden = 0 AND (? IS NULL OR r.agent_name = ?)
            ORDER BY s.time_ns, s.ordinal""",
            agent,
            agent,
        )
        return [(role, _text(body)) for role, body in found]

    def spans(self, name: str) -> list[dict[str, Any]]:
        """
        The attributes of the spans whose name begins so, in the order of their starts.
        """
        found = self.rows(
            "SELECT attributes FROM spans WHERE name LIKE ? ORDER BY start_ns", f"{name}%"
        )
        return [json.loads(each) if isinstance(each, str) else each for (each,) in found]

    def close(self) -> None:
        """
        Close the bridge and its provider.
        """
        self.bridge.close()
        self.provider.shutdown()


def _text(body: str) -> str:
    try:
        parts = json.loads(body)["parts"]
    except (ValueError, TypeError, KeyError):
        return body
    return " ".join(
        str(part.get("content") or part.get("response") or part.get("name")) for part in parts
    )
