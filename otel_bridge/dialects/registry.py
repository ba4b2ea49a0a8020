"""
The dialects in the order in which they are tried.
"""

import logging
from collections.abc import Sequence
from importlib.metadata import entry_points

from otel_bridge_storage.readings import FactReading, LogReading, Reading, Role
from otel_bridge_storage.records import EventRecord, LogRecord, SpanRecord

from otel_bridge.dialects.agent_framework import AgentFramework
from otel_bridge.dialects.anthropic_sdk import AnthropicSdk
from otel_bridge.dialects.autogen import AutoGen
from otel_bridge.dialects.bridge import Bridge
from otel_bridge.dialects.claude_code import ClaudeCode
from otel_bridge.dialects.codex import Codex
from otel_bridge.dialects.deciding import Deciding
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.fact_events import read_event
from otel_bridge.dialects.gemini_cli import GeminiCLI
from otel_bridge.dialects.google_adk import GoogleADK
from otel_bridge.dialects.langfuse import Langfuse
from otel_bridge.dialects.langsmith import LangSmith
from otel_bridge.dialects.litellm import LiteLLM
from otel_bridge.dialects.logfire import Logfire
from otel_bridge.dialects.marks import read_marks
from otel_bridge.dialects.mastra import Mastra
from otel_bridge.dialects.mlflow import MLflow
from otel_bridge.dialects.openinference import OpenInference
from otel_bridge.dialects.openlit import OpenLIT
from otel_bridge.dialects.openllmetry import OpenLLMetry
from otel_bridge.dialects.pydantic_ai import PydanticAI
from otel_bridge.dialects.semantic_kernel import SemanticKernel
from otel_bridge.dialects.semconv import SemConv
from otel_bridge.dialects.strands import Strands
from otel_bridge.dialects.vercel_ai import VercelAI

ENTRY_POINTS = "otel_bridge.dialects"

_log = logging.getLogger(__name__)


def built_in() -> tuple[Dialect, ...]:
    """
    List the dialects of this package, the most special first.

    The last one reads whatever has an operation name.
    """
    return (
        Bridge(),
        AnthropicSdk(),
        OpenInference(),
        ClaudeCode(),
        VercelAI(),
        Langfuse(),
        LangSmith(),
        MLflow(),
        Mastra(),
        PydanticAI(),
        Logfire(),
        OpenLLMetry(),
        OpenLIT(),
        LiteLLM(),
        Strands(),
        GoogleADK(),
        AgentFramework(),
        SemanticKernel(),
        AutoGen(),
        Codex(),
        GeminiCLI(),
        SemConv(),
    )


def installed() -> tuple[Dialect, ...]:
    """
    List the dialects that other packages offer; one that cannot be loaded is logged.
    """
    found: list[Dialect] = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda e: e.name):
        try:
            found.append(entry.load()())
        except Exception:  # noqa: BLE001 (a dialect is foreign code)
            _log.exception("the dialect %s (%s) cannot be loaded", entry.name, entry.value)
    return tuple(found)


class Dialects:
    """
    Reads telemetry of every dialect; implements `otel_bridge_storage.readings.Reader`.

    Dialects of other packages come first, so that they can tell apart what the built-in
    ones read as something more general. A dialect that raises costs nobody a span: the
    span is read as no part of a run, and the failure is logged once for each dialect.
    """

    def __init__(self, dialects: Sequence[Dialect] | None = None) -> None:
        self._dialects = (*installed(), *built_in()) if dialects is None else tuple(dialects)
        self._deciding = Deciding(self._dialects)
        self._logged: set[str] = set()

    @property
    def names(self) -> list[str]:
        """
        The names of the dialects, in the order in which they are tried.
        """
        return [dialect.name for dialect in self._dialects]

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Say what a span means.
        """
        for dialect, ask in self._deciding.candidates(span):
            try:
                if not ask or dialect.detects(span):
                    return dialect.read(span)
            except Exception:  # noqa: BLE001 (a dialect is foreign code)
                self._report(dialect.name, f"span {span.span_id} of trace {span.trace_id}")
                return self._plain(span, f"{dialect.name}:failed")
        return self._plain(span, "")

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Say which fact an event of a span is, if it is one.
        """
        try:
            return read_event(event)
        except Exception:  # noqa: BLE001 (a dialect is foreign code)
            self._report("facts", f"event {event.name}")
            return None

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Say which messages a log record carries, if it does.
        """
        for dialect in self._dialects:
            try:
                reading = dialect.read_log(log)
            except Exception:  # noqa: BLE001 (a dialect is foreign code)
                self._report(dialect.name, f"log record {log.event_name}")
                continue
            if reading is not None:
                return reading
        return None

    def _plain(self, span: SpanRecord, dialect: str) -> Reading:
        try:
            return Reading(role=Role.OTHER, dialect=dialect, **read_marks(span))
        except Exception:  # noqa: BLE001 (a dialect is foreign code)
            self._report("marks", f"span {span.span_id} of trace {span.trace_id}")
            return Reading(role=Role.OTHER, dialect=dialect)

    def _report(self, name: str, what: str) -> None:
        if name not in self._logged:
            self._logged.add(name)
            _log.exception("the dialect %s failed on %s; this is logged once", name, what)
