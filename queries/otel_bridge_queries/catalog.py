"""
The reports there are, each one a `.sql` file: what they read and how they can be asked.
"""

from dataclasses import dataclass
from functools import cache

from otel_bridge_queries.engine import read_sql

TIME_KEYS = ("hour", "day", "week", "month")
_RUN_KEYS = ("agent_name", "session_id", "user_id", "run_id", "service")
_CALL_KEYS = ("agent_name", "model", "provider", "session_id", "user_id", "run_id", "service")
_BOUNDS = ("since", "until")
_LLM_KEYS = (*_CALL_KEYS, *TIME_KEYS, "tag")
_LLM_FILTERS = (*_CALL_KEYS, "tag", *_BOUNDS)


@dataclass(frozen=True, slots=True)
class Report:
    """
    One report.

    Attributes:
        tables: The copied tables it reads.
        keys: What it can be grouped by.
        filters: What it can be narrowed by.
        counts: Its columns that are 0, not unknown, where there is nothing to count.
    """

    name: str
    tables: tuple[str, ...]
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
    ("run_keys", "llm_calls"),
    _LLM_KEYS,
    _LLM_FILTERS,
    ("llm_calls", "unpriced_calls", "error_calls"),
)
UNPRICED = Report("unpriced", ("run_keys", "llm_calls", "unpriced_calls"), _LLM_KEYS, _LLM_FILTERS)
COST_CHECK = Report(
    "cost_check",
    ("run_keys", "llm_calls", "emitted_costs"),
    (*_LLM_KEYS, "source"),
    _LLM_FILTERS,
    ("llm_calls", "compared_calls", "only_ours_calls", "only_emitted_calls", "neither_calls"),
)
TOKENS = Report(
    "tokens",
    ("run_keys", "llm_calls"),
    _LLM_KEYS,
    _LLM_FILTERS,
    ("llm_calls", "calls_without_usage"),
)
LATENCY = Report("latency", ("run_keys", "llm_calls"), _LLM_KEYS, _LLM_FILTERS, ("calls",))
TOOLS = Report(
    "tools",
    ("run_keys", "tool_calls"),
    ("tool_name", *_RUN_KEYS, *TIME_KEYS, "tag"),
    ("tool_name", *_RUN_KEYS, "tag", *_BOUNDS),
    ("calls", "errors"),
)
ERRORS = Report(
    "errors",
    ("run_keys", "runs", "llm_calls", "tool_calls"),
    (*_CALL_KEYS, "tool_name", *TIME_KEYS, "tag"),
    (*_CALL_KEYS, "tool_name", "tag", *_BOUNDS),
)
RUN_VIEWS = Report(
    "run_views", ("runs", "open_runs", "steps"), filters=(*_CALL_KEYS, "tag", "status", *_BOUNDS)
)
STEP_VIEWS = Report("step_views", ("run_keys", "steps"), filters=("run_id", "session_id"))
SEARCH = Report(
    "search",
    ("run_keys", "steps", "tool_texts", "first_messages"),
    filters=(*_RUN_KEYS, "tag", "tool_name", "role", *_BOUNDS),
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
    "runs": ("runs", "open_runs", "texts"),
    "steps": ("steps", "texts"),
    "llm_calls": ("llm_calls", "llm_call_details", "run_keys", "open_runs"),
    "tool_calls": ("tool_calls", "tool_call_details", "run_keys", "open_runs", "texts"),
    "sessions": ("sessions",),
    "spans": ("spans",),
    "events": ("events",),
    "messages": ("messages",),
}
