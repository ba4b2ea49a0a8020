"""
The stores of run events that the tests are run against.

A new backend is one line in `BACKENDS`, and one in `DURABLE` if its events outlive it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_bridge.event_stores import RunEventStore


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


BACKENDS: dict[str, Callable[[Path], str]] = {
    "memory": lambda _: "memory://",
    "jsonl": lambda folder: f"jsonl:{folder}",
    "sqlite": lambda folder: f"sqlite:///{_made(folder) / 'runs.db'}",
}
DURABLE = ["jsonl", "sqlite"]

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_durable_backend = pytest.mark.parametrize("backend", DURABLE)


def opened(backend: str, folder: Path) -> RunEventStore:
    """
    Open a store of some kind over a folder.
    """
    return RunEventStore.from_url(BACKENDS[backend](folder))


def event(**parts: Any) -> dict[str, Any]:
    """
    Make the arguments of `put`, of a fixed moment unless told otherwise.
    """
    usual = {
        "thread_id": "t",
        "run_id": "r",
        "event_type": "llm.ai.response",
        "category": "message",
        "content": "hello",
        "created_at": "2026-01-31T12:00:00Z",
    }
    return usual | parts


def seqs(records: list[dict[str, Any]]) -> list[int]:
    """
    Give the numbers of some records.
    """
    return [record["seq"] for record in records]
