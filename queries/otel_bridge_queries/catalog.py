"""
The reports there are, each one a `.sql` file: what they read and how they can be asked.
"""

from dataclasses import dataclass
from functools import cache

from otel_bridge_queries.engine import read_sql

# Starts of periods, and what tells of a period's place in the week or the day.
TIME_KEYS = ("minute", "quarter_hour", "hour", "day", "week", "month", "year")
CLOCK_KEYS = ("weekday", "hour_of_day")
# Those of them that are not the same in all time zones.
CALENDAR_KEYS = ("hour", "day", "week", "month", "year", *CLOCK_KEYS)
# The run at the top of a run's delegation.
ROOT_KEYS = ("root_run_id", "root_agent_name")
# `metadata.KEY` stands beside these, for any key.
METADATA = "metadata"
_RUN_KEYS = ("agent_name", "session_id", "user_id", "tenant_id", "run_id", "service")
_CALL_KEYS = ("agent_name", "model", "provider", *_RUN_KEYS[1:])
BOUNDS = ("since", "until")
_LABELS = ("tag", METADATA)
_ALL_TIMES = (*TIME_KEYS, *CLOCK_KEYS)
_LLM_KEYS = (*_CALL_KEYS, "operation", "status", *ROOT_KEYS, *_ALL_TIMES, *_LABELS)
_LLM_FILTERS = (*_CALL_KEYS, "operation", "status", *_LABELS, *BOUNDS)
_RUN_FILTERS = (*_CALL_KEYS, "status", *_LABELS, *BOUNDS)
_TIMELESS_KEYS = (*_CALL_KEYS, "operation", "status", *ROOT_KEYS, *_LABELS)
# What is judged by how calls ended cannot leave out those that ended otherwise.
_RETRY_KEYS = tuple(key for key in _LLM_KEYS if key != "status")
_RETRY_FILTERS = tuple(name for name in _LLM_FILTERS if name != "status")
_ROLLUP_FILTERS = tuple(name for name in _LLM_FILTERS if name != "run_id")
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
THROUGHPUT = Report("throughput", ("llm_calls",), _TIMELESS_KEYS, _LLM_FILTERS)
CACHE = Report(
    "cache",
    ("llm_calls",),
    _LLM_KEYS,
    _LLM_FILTERS,
    ("llm_calls", "telling_calls", "reading_calls"),
)
RETRIES = Report(
    "retries",
    ("llm_calls",),
    _RETRY_KEYS,
    _RETRY_FILTERS,
    ("llm_calls", "error_calls", "retried", "attempts", "recovered", "pending", "gave_up"),
)
TOOLS = Report(
    "tools",
    ("tool_calls",),
    ("tool_name", *_RUN_KEYS, "status", *ROOT_KEYS, *_ALL_TIMES, *_LABELS),
    ("tool_name", *_RUN_KEYS, "status", *_LABELS, *BOUNDS),
    ("calls", "running_calls", "errors", "retries", "recovered"),
)
ERRORS = Report(
    "errors",
    ("llm_calls", "tool_calls", "runs", "open_runs"),
    (*_CALL_KEYS, "operation", "tool_name", *ROOT_KEYS, *_ALL_TIMES, *_LABELS),
    (*_CALL_KEYS, "operation", "tool_name", *_LABELS, *BOUNDS),
)
COMPARED = Report("compared", ("llm_calls",), _LLM_KEYS, _LLM_FILTERS)
ROLLUP = Report("rollup", ("llm_calls", "runs", "open_runs"), filters=_ROLLUP_FILTERS)
ROLLUP_BY = Report(
    "rollup_by",
    ("llm_calls", "runs", "open_runs"),
    (*_RUN_KEYS, *ROOT_KEYS),
    _ROLLUP_FILTERS,
)
RUN_VIEWS = Report("run_views", ("runs", "open_runs", "steps"), filters=_RUN_FILTERS)
TOP_RUNS = Report("top_runs", ("runs", "open_runs"), filters=_RUN_FILTERS)
SESSION_VIEWS = Report("session_views", ("runs", "open_runs"), filters=_RUN_FILTERS)
STEP_VIEWS = Report("step_views", ("runs", "steps"), filters=("run_id", "session_id"))
SEARCH = Report(
    "search",
    ("runs", "steps", "tool_calls", "llm_calls"),
    filters=(*_RUN_KEYS, "tool_name", "role", *_LABELS, *BOUNDS),
)
SEARCH_WINDOW = Report("search_window", ("steps",))

REPORTS = (
    COST,
    UNPRICED,
    COST_CHECK,
    TOKENS,
    CACHE,
    LATENCY,
    THROUGHPUT,
    RETRIES,
    TOOLS,
    ERRORS,
    COMPARED,
    ROLLUP,
    ROLLUP_BY,
    RUN_VIEWS,
    TOP_RUNS,
    SESSION_VIEWS,
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
