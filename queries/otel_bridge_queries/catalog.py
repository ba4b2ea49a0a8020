"""
The reports there are, each one a `.sql` file: what they read and how they can be asked.
"""

from dataclasses import dataclass
from functools import cache

from otel_bridge_queries.engine import read_sql

TIME_KEYS = ("hour", "day", "week", "month")
# `metadata.KEY` stands beside these, for any key.
METADATA = "metadata"
_RUN_KEYS = ("agent_name", "session_id", "user_id", "tenant_id", "run_id", "service")
_CALL_KEYS = ("agent_name", "model", "provider", *_RUN_KEYS[1:])
_BOUNDS = ("since", "until")
_LABELS = ("tag", METADATA)
_LLM_KEYS = (*_CALL_KEYS, "operation", "status", *TIME_KEYS, *_LABELS)
_LLM_FILTERS = (*_CALL_KEYS, "operation", "status", *_LABELS, *_BOUNDS)
FILTERS = (*_CALL_KEYS, "operation", "status", "tool_name", "role", "tag")


@dataclass(frozen=True, slots=True)
class Report:
    """
    One report.

    Attributes:
        relations: The relations it reads.
        keys: What it can be grouped by.
        filters: What it can be narrowed by.
        counts: Its columns that are 0, not unknown, where there is nothing to count.
    """

    name: str
    relations: tuple[str, ...]
    keys: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """
        The text of its file.
        """
        return _text(self.name)


@cache
def _text(name: str) -> str:
    return read_sql(f"{name}.sql")


COST = Report(
    "cost",
    ("llm_calls",),
    _LLM_KEYS,
    _LLM_FILTERS,
    ("llm_calls", "unpriced_calls", "error_calls"),
)
UNPRICED = Report("unpriced", ("llm_calls",), _LLM_KEYS, _LLM_FILTERS)
COST_CHECK = Report(
    "cost_check",
    ("llm_calls",),
    (*_LLM_KEYS, "source"),
    _LLM_FILTERS,
    ("llm_calls", "compared_calls", "only_ours_calls", "only_emitted_calls", "neither_calls"),
)
TOKENS = Report(
    "tokens", ("llm_calls",), _LLM_KEYS, _LLM_FILTERS, ("llm_calls", "calls_without_usage")
)
LATENCY = Report("latency", ("llm_calls",), _LLM_KEYS, _LLM_FILTERS, ("calls",))
TOOLS = Report(
    "tools",
    ("tool_calls",),
    ("tool_name", *_RUN_KEYS, "status", *TIME_KEYS, *_LABELS),
    ("tool_name", *_RUN_KEYS, "status", *_LABELS, *_BOUNDS),
    ("calls", "errors"),
)
ERRORS = Report(
    "errors",
    ("llm_calls", "tool_calls", "runs", "open_runs"),
    (*_CALL_KEYS, "operation", "tool_name", *TIME_KEYS, *_LABELS),
    (*_CALL_KEYS, "operation", "tool_name", *_LABELS, *_BOUNDS),
)
RUN_VIEWS = Report(
    "run_views",
    ("runs", "open_runs", "steps"),
    filters=(*_CALL_KEYS, "status", *_LABELS, *_BOUNDS),
)
STEP_VIEWS = Report("step_views", ("runs", "steps"), filters=("run_id", "session_id"))
SEARCH = Report(
    "search",
    ("runs", "steps", "tool_calls", "llm_calls"),
    filters=(*_RUN_KEYS, "tool_name", "role", *_LABELS, *_BOUNDS),
)
SEARCH_WINDOW = Report("search_window", ("steps",))

REPORTS = (
    COST,
    UNPRICED,
    COST_CHECK,
    TOKENS,
    LATENCY,
    TOOLS,
    ERRORS,
    RUN_VIEWS,
    STEP_VIEWS,
    SEARCH,
    SEARCH_WINDOW,
)

VIEWS = {
    "runs": ("runs", "open_runs", "messages"),
    "steps": ("steps", "messages"),
    "llm_calls": ("llm_calls", "open_runs"),
    "tool_calls": ("tool_calls", "open_runs", "messages"),
    "sessions": ("sessions", "runs"),
    "spans": ("spans",),
    "events": ("events",),
    "messages": ("messages",),
}
