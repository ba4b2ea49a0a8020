"""
What the tests of recording share: providers, look-ups in a database, and child programs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage.sqlite_files import open_reader

from otel_bridge.processor import RunLogSpanProcessor

ROOT = Path(__file__).parent.parent
DEADLINE_S = 20.0
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 2,
}


@contextmanager
def recorded(
    path: Path | str, **options: Any
) -> Iterator[tuple[TracerProvider, RunLogSpanProcessor]]:
    """
    Record a tracer provider of the test's own.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    processor = RunLogSpanProcessor(path, **options)
    provider.add_span_processor(processor)
    try:
        yield provider, processor
    finally:
        provider.shutdown()


def rows(path: Path, sql: str, *parameters: Any) -> list[Any]:
    """
    Ask a database on a connection of its own.
    """
    with closing(open_reader(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def value(path: Path, sql: str, *parameters: Any) -> Any:
    """
    Ask a database for one value.
    """
    return rows(path, sql, *parameters)[0][0]


def names(path: Path) -> list[str]:
    """
    List the names of the spans that ended, in order of their names.
    """
    found = rows(path, "SELECT name FROM spans WHERE end_ns IS NOT NULL ORDER BY name")
    return [name for (name,) in found]


def is_whole(path: Path) -> bool:
    """
    Whether the file is sound and no reference leads nowhere.
    """
    whole = value(path, "PRAGMA integrity_check") == "ok"
    return whole and rows(path, "PRAGMA foreign_key_check") == []


def eventually(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> bool:
    """
    Whether a condition comes true before a generous deadline.
    """
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def environment(**variables: str) -> dict[str, str]:
    """
    Make a child's environment: this one's without OpenTelemetry's settings, and some more.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "COV"))}
    path = os.pathsep.join(str(ROOT / part) for part in (".", "storage", "queries"))
    return kept | {"PYTHONPATH": path} | variables


def run_program(
    source: str, *arguments: object, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """
    Run a program in a Python of its own.
    """
    return subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
