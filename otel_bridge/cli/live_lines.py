"""
Facts printed as they come: one line each, handed on at once.
"""

import sys
from datetime import date, datetime

from otel_bridge_storage.rows import RunDetail, StoredEvent

from otel_bridge.cli.documents import to_json
from otel_bridge.cli.escape import one_line
from otel_bridge.cli.gists import failed, gist
from otel_bridge.cli.layout import cut
from otel_bridge.cli.output import draws, width, write_line
from otel_bridge.cli.tables import STATUS_STYLES
from otel_bridge.cli.texts import cost, count, duration, moment
from otel_bridge.cli.values import record

_ID_SHOWN = 12
_KIND_WIDTH = len("termination.decided")
_UNICODE = "…–\u4e16\U0001f30d"


class LiveLines:
    """
    Prints facts for people, and at the end how the run ended.

    Args:
        names_runs: Begin each line with the beginning of the run's id.
    """

    def __init__(self, *, names_runs: bool) -> None:
        self._names_runs = names_runs
        self._day: date = datetime.now().astimezone().date()

    def event(self, event: StoredEvent) -> None:
        """
        Print one fact, under its date where that is not the one before.
        """
        at = event.created_at.astimezone()
        if at.date() != self._day:
            self._day = at.date()
            _write(self._day.isoformat(), "bold")
        parts = [f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"]
        if self._names_runs:
            parts.append(one_line(event.run_id or "")[:_ID_SHOWN].ljust(_ID_SHOWN))
        parts += [one_line(event.event_type).ljust(_KIND_WIDTH), gist(event)]
        _write("  ".join(parts).rstrip(), _style(event))

    def end(self, run: RunDetail | None) -> None:
        """
        Print how a run ended; None for one that is gone.
        """
        if run is None:
            _write(
                "the run is no longer there: it was deleted, or belongs to another run", "magenta"
            )
            return
        parts = [run.status]
        if run.status == "interrupted":
            parts.append(f"last heard of {moment(run.last_seen_at or run.updated_at)} UTC")
        elif run.duration_ms is not None:
            parts.append(f"took {duration(run.duration_ms)}")
        parts.append(f"calls: {count(run.llm_calls)} to models, {count(run.tool_calls)} to tools")
        if run.total_input_tokens is not None or run.total_output_tokens is not None:
            tokens = (run.total_input_tokens, run.total_output_tokens)
            parts.append("tokens: {} in, {} out".format(*map(count, tokens)))
        if run.llm_calls:
            parts.append(cost(run.total_cost_usd, run.unpriced_calls))
        _write("; ".join(parts), f"bold {STATUS_STYLES.get(run.status, '')}".strip())


class JsonLines:
    """
    Prints facts as one JSON object per line, and nothing else.
    """

    def event(self, event: StoredEvent) -> None:
        """
        Print one fact.
        """
        sys.stdout.write(to_json(record(event), ascii_only=not draws(_UNICODE)) + "\n")
        sys.stdout.flush()

    def end(self, run: RunDetail | None) -> None:
        """
        Print nothing: the facts are all there is.
        """


def _write(line: str, style: str) -> None:
    write_line(cut(line, width(), "…" if draws("…") else "..."), style)
    sys.stdout.flush()


def _style(event: StoredEvent) -> str:
    if failed(event):
        return "red"
    if event.event_type.startswith("run."):
        return "bold"
    return "dim" if event.event_type.endswith(".started") else ""
