"""
What the demo's models answer: which request gets which reply.

A reply is chosen by what the request itself says, so that requests may come in any
order and at the same time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What a model answers.

    Attributes:
        text: What it says; empty where it only asks for tools.
        tools: The tools it asks for: id, name and arguments of each.
        input_tokens: Cache included.
        cached: The part of the input that was read from a cache.
        output_tokens: Reasoning included.
        reasoning: The part of the output that was reasoning.
        seconds: How long it thinks.
        error: The HTTP status and the message of a refusal.
    """

    text: str = ""
    tools: Sequence[tuple[str, str, Mapping[str, Any]]] = ()
    input_tokens: int = 0
    cached: int = 0
    output_tokens: int = 0
    reasoning: int = 0
    seconds: float = 0.05
    error: tuple[int, str] | None = None


SCRIPT: Sequence[tuple[str, str, Reply]] = (
    (
        "gpt-4o",
        "Plan a weekend in Lisbon",
        Reply(
            tools=[("call_research", "research", {"question": "What is on in Lisbon?"})],
            input_tokens=1_412,
            cached=1_024,
            output_tokens=96,
            reasoning=64,
            seconds=0.12,
        ),
    ),
    (
        "gpt-4o",
        "Lisbon notes:",
        Reply(
            tools=[("call_book", "book_hotel", {"hotel": "Casa Azul", "nights": 2})],
            input_tokens=1_633,
            cached=1_408,
            output_tokens=71,
            reasoning=32,
            seconds=0.1,
        ),
    ),
    (
        "gpt-4o",
        "Booked: Casa Azul",
        Reply(
            text="Two days in Lisbon: Alfama and the tile museum, then Belém. Hotel: Casa Azul.",
            input_tokens=1_790,
            cached=1_536,
            output_tokens=44,
            seconds=0.1,
        ),
    ),
    (
        "gpt-4o-mini",
        "What is on in Lisbon?",
        Reply(
            tools=[
                ("call_search", "search", {"query": "Lisbon this weekend"}),
                ("call_weather", "weather", {"city": "Lisbon"}),
            ],
            input_tokens=318,
            output_tokens=52,
            seconds=0.06,
        ),
    ),
    (
        "gpt-4o-mini",
        "weather: failed",
        Reply(
            text="Fado festival in Alfama; the tile museum is open. No forecast was to be had.",
            input_tokens=467,
            cached=256,
            output_tokens=38,
            seconds=0.08,
        ),
    ),
    (
        "house-llama",
        "Shorten:",
        Reply(
            text="Lisbon notes: fado in Alfama, tile museum open, weather unknown.",
            input_tokens=120,
            output_tokens=21,
            seconds=0.04,
        ),
    ),
    (
        "gpt-4o-mini",
        "Write a postcard",
        Reply(
            text="Dear Ada, Lisbon is tiles, trams and fado. Wish you were here!",
            input_tokens=205,
            output_tokens=24,
            seconds=0.09,
        ),
    ),
    (
        "gpt-4o",
        "Summarise the whole guide book",
        Reply(
            error=(400, "This model's maximum context length is 128000 tokens."),
            seconds=0.03,
        ),
    ),
)


def reply_to(request: Mapping[str, Any]) -> Reply:
    """
    Find the reply to a chat completion request.
    """
    last = request["messages"][-1]["content"]
    said = last if isinstance(last, str) else json.dumps(last)
    for model, words, reply in SCRIPT:
        if model == request["model"] and words in said:
            return reply
    return Reply(error=(404, f"The script has no reply for {request['model']}: {said[:80]}"))
