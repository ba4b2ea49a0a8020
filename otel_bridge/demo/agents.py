"""
A small multi-agent program: a planner with a researcher below it, and a writer.

The models are called with the `openai` client; what is recorded is in the `with` lines.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from openai import AsyncOpenAI, OpenAI
from otel_bridge_storage.facts import ApprovalDecided, ApprovalRequested

from otel_bridge.bridge import Bridge
from otel_bridge.demo.services import ask_person, book_hotel, search, weather

Message = Any

_SERVICES: dict[str, Callable[..., Awaitable[str]]] = {"search": search, "weather": weather}


class Planner:
    """
    Plans a trip: has it researched, has the booking approved, and books.
    """

    def __init__(self, bridge: Bridge, base_url: str) -> None:
        self._bridge = bridge
        self._base_url = base_url

    def plan(self, wish: str) -> str:
        """
        Answer a wish with a plan.
        """
        messages: list[Message] = [{"role": "user", "content": wish}]
        with (
            OpenAI(base_url=self._base_url, api_key="none", max_retries=0) as client,
            self._bridge.run("planner", input=wish) as run,
        ):
            while True:
                with run.llm_call(model="gpt-4o", provider="openai", input=messages) as call:
                    completion = client.chat.completions.create(model="gpt-4o", messages=messages)
                    answer = call.response(completion).choices[0].message
                messages.append(answer.model_dump(exclude_none=True))
                if not answer.tool_calls:
                    run.decide("completed")
                    run.finish(answer.content, termination_reason="completed")
                    return str(answer.content)
                messages += [self._use(run.id, asked) for asked in answer.tool_calls]

    def _use(self, run_id: str, asked: Any) -> Message:
        name, arguments = asked.function.name, json.loads(asked.function.arguments)
        if name == "book_hotel":
            self._have_approved(run_id, asked.id, name, arguments)
        with self._bridge.tool_call(name, arguments=arguments, call_id=asked.id) as tool:
            if name == "research":
                researcher = Researcher(self._bridge, self._base_url)
                found = asyncio.run(researcher.research(**arguments))
            else:
                found = book_hotel(**arguments)
            tool.result(found)
        return {"role": "tool", "tool_call_id": asked.id, "content": found}

    def _have_approved(self, run_id: str, call_id: str, name: str, arguments: Any) -> None:
        """
        Wait until a person allows a tool call.
        """
        about: dict[str, Any] = {"run_id": run_id, "tool_call_id": call_id, "tool_name": name}
        pending = [{"id": call_id, "name": name, "params": arguments}]
        self._bridge.emit(ApprovalRequested(**about, reason="It costs money."))
        self._bridge.pause("waiting_approval", pending_tool_calls=pending)
        self._bridge.resume(user_input=ask_person(f"{name} {arguments}"))
        self._bridge.emit(ApprovalDecided(**about, decision="approved", decided_by="ada"))


class Researcher:
    """
    Finds out what is on, with tools that run at the same time and may fail.
    """

    def __init__(self, bridge: Bridge, base_url: str) -> None:
        self._bridge = bridge
        self._base_url = base_url

    async def research(self, question: str) -> str:
        """
        Answer a question with notes.
        """
        messages: list[Message] = [{"role": "user", "content": question}]
        async with (
            AsyncOpenAI(base_url=self._base_url, api_key="none", max_retries=0) as client,
            self._bridge.run("researcher", input=question) as run,
        ):
            asked = await self._ask(client, "gpt-4o-mini", "openai", messages)
            messages.append(asked.model_dump(exclude_none=True))
            messages += await asyncio.gather(*(self._use(call) for call in asked.tool_calls))
            found = await self._ask(client, "gpt-4o-mini", "openai", messages)
            shorten: Message = {"role": "user", "content": f"Shorten: {found.content}"}
            notes = await self._ask(client, "house-llama", "house", [shorten])
            run.finish(notes.content)
            return str(notes.content)

    async def _ask(
        self, client: AsyncOpenAI, model: str, provider: str, messages: list[Message]
    ) -> Any:
        async with self._bridge.llm_call(model=model, provider=provider, input=messages) as call:
            completion = await client.chat.completions.create(model=model, messages=messages)
            return call.response(completion).choices[0].message

    async def _use(self, asked: Any) -> Message:
        name, arguments = asked.function.name, json.loads(asked.function.arguments)
        service = _SERVICES[name]
        try:
            async with self._bridge.tool_call(name, arguments=arguments, call_id=asked.id) as tool:
                found = tool.result(await service(**arguments))
        except TimeoutError as error:
            found = f"{name}: failed, {error}"
        return {"role": "tool", "tool_call_id": asked.id, "content": found}


class Writer:
    """
    Writes what it is asked for, and reads the model's answer as it is streamed.
    """

    def __init__(self, bridge: Bridge, base_url: str) -> None:
        self._bridge = bridge
        self._base_url = base_url

    def write(self, order: str, model: str = "gpt-4o-mini") -> str:
        """
        Write a text.
        """
        messages: list[Message] = [{"role": "user", "content": order}]
        with (
            OpenAI(base_url=self._base_url, api_key="none", max_retries=0) as client,
            self._bridge.run("writer", input=order) as run,
            run.llm_call(model=model, provider="openai", input=messages, stream=True) as call,
        ):
            stream = client.chat.completions.create(
                model=model,
                messages=messages,
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk for chunk in call.stream(stream) if chunk.choices]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            run.finish(text)
            return text
