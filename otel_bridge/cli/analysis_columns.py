"""
The figures of reports on time, failures and runs, as tables show them.
"""

from otel_bridge.cli.layout import Column
from otel_bridge.cli.texts import UNKNOWN, count, duration, minute, share, usd


def _tenths(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f}"


CALLS = Column(key="calls", header="calls", show=count, right=True, rank=6)
LLM_CALLS = Column(key="llm_calls", header="calls", show=count, right=True, rank=6)
INPUT = Column(key="input_tokens", header="in", show=count, right=True, rank=7)
OUTPUT = Column(key="output_tokens", header="out", show=count, right=True, rank=7)
COST = Column(key="_cost", header="cost", show=str, right=True, rank=1)
STARTED = Column(key="started_at", header="started (UTC)", show=minute, rank=5)
TOOK = Column(key="duration_ms", header="took", show=duration, right=True, rank=3)
ERRORS = Column(key="errors", header="errors", show=count, right=True, rank=4)

LATENCY = (
    CALLS,
    Column(key="mean_ms", header="mean", show=duration, right=True, rank=10),
    Column(key="p50_ms", header="p50", show=duration, right=True, rank=1),
    Column(key="p90_ms", header="p90", show=duration, right=True, rank=4),
    Column(key="p95_ms", header="p95", show=duration, right=True, rank=2),
    Column(key="p99_ms", header="p99", show=duration, right=True, rank=3),
    Column(key="max_ms", header="max", show=duration, right=True, rank=9),
    Column(key="streamed_calls", header="streamed", show=count, right=True, rank=11),
    Column(key="ttft_p50_ms", header="ttft p50", show=duration, right=True, rank=5),
    Column(key="ttft_p90_ms", header="ttft p90", show=duration, right=True, rank=12),
    Column(key="ttft_p95_ms", header="ttft p95", show=duration, right=True, rank=7),
    Column(key="ttft_p99_ms", header="ttft p99", show=duration, right=True, rank=13),
    Column(key="output_tokens_per_s", header="out per s", show=count, right=True, rank=8),
)
THROUGHPUT = (CALLS, INPUT, OUTPUT)
AT_ONCE = Column(key="peak_calls", header="at once", show=count, right=True, rank=2)
CACHE = (
    LLM_CALLS,
    Column(key="telling_calls", header="telling", show=count, right=True, rank=8),
    Column(key="reading_calls", header="reading", show=count, right=True, rank=9),
    Column(key="call_hit_rate", header="calls hit", show=share, right=True, rank=2),
    INPUT,
    Column(key="cache_read_tokens", header="cached", show=count, right=True, rank=4),
    Column(key="cache_write_tokens", header="cache write", show=count, right=True, rank=5),
    Column(key="token_hit_rate", header="tokens hit", show=share, right=True, rank=1),
    Column(key="reads_per_write", header="read per write", show=_tenths, right=True, rank=10),
)
FAILURES = (
    Column(key="error_type", header="error", least=10),
    Column(key="where", header="where"),
    Column(key="count", header="count", show=count, right=True),
    Column(key="share", header="share", show=share, right=True, rank=2),
    Column(key="runs", header="runs", show=count, right=True, rank=3),
    Column(key="first_at", header="first (UTC)", show=minute, rank=6),
    Column(key="last_at", header="last (UTC)", show=minute, rank=4),
    Column(key="example_message", header="latest message", rank=5, least=20),
)
RETRIES = (
    LLM_CALLS,
    Column(key="error_calls", header="failed", show=count, right=True, rank=4),
    Column(key="retried", header="retried", show=count, right=True),
    Column(key="attempts", header="attempts", show=count, right=True, rank=5),
    Column(key="most_attempts", header="most", show=count, right=True, rank=9),
    Column(key="recovered", header="recovered", show=count, right=True, rank=3),
    Column(key="pending", header="pending", show=count, right=True, rank=10),
    Column(key="gave_up", header="gave up", show=count, right=True, rank=7),
    Column(key="recovered_share", header="recovering", show=share, right=True, rank=2),
    Column(key="wasted_input_tokens", header="wasted in", show=count, right=True, rank=8),
    Column(key="wasted_output_tokens", header="wasted out", show=count, right=True, rank=8),
    Column(key="_cost", header="wasted cost", show=str, right=True, rank=1),
    Column(key="lost_ms", header="time lost", show=duration, right=True, rank=1),
)
RUNS = (
    Column(key="agent_name", header="agent", least=8),
    Column(key="status", header="status", rank=2),
    STARTED,
    TOOK,
    LLM_CALLS,
    Column(key="tool_calls", header="tools", show=count, right=True, rank=8),
    ERRORS,
    INPUT,
    OUTPUT,
    COST,
    Column(key="session_id", header="session", rank=9, least=8, prefix=True),
    Column(key="user_id", header="user", rank=10, least=8),
)
SESSIONS = (
    Column(key="user_id", header="user", rank=4, least=6),
    Column(key="last_status", header="last run", rank=3),
    Column(key="runs", header="runs", show=count, right=True, rank=2),
    LLM_CALLS,
    Column(key="tool_calls", header="tools", show=count, right=True, rank=8),
    ERRORS,
    INPUT,
    OUTPUT,
    COST,
    STARTED,
    TOOK,
    Column(key="agents", header="agents", rank=9, least=10),
)
ROLLUP = (
    Column(key="runs_below", header="below", show=count, right=True, rank=5),
    Column(key="own_calls", header="own calls", show=count, right=True, rank=6),
    Column(key="total_calls", header="calls", show=count, right=True, rank=3),
    Column(key="total_input_tokens", header="in", show=count, right=True, rank=4),
    Column(key="total_output_tokens", header="out", show=count, right=True, rank=4),
    Column(key="_own_cost", header="own cost", show=str, right=True, rank=2),
    Column(key="_cost", header="cost", show=str, right=True, rank=1),
)
ROLLUP_RUN = (
    Column(key="status", header="status", rank=8),
    Column(key="duration_ms", header="took", show=duration, right=True, rank=7),
)
ROLLUP_GROUP = (Column(key="runs", header="runs", show=count, right=True, rank=5),)
COMPARED = (
    Column(key="calls_a", header="calls a", show=count, right=True, rank=4),
    Column(key="calls_b", header="calls b", show=count, right=True, rank=4),
    Column(key="_cost_a", header="cost a", show=str, right=True, rank=2),
    Column(key="_cost_b", header="cost b", show=str, right=True, rank=2),
    Column(key="_cost_change", header="change", show=str, right=True, rank=1),
    Column(key="p50_ms_a", header="p50 a", show=duration, right=True, rank=6),
    Column(key="p50_ms_b", header="p50 b", show=duration, right=True, rank=6),
    Column(key="p95_ms_a", header="p95 a", show=duration, right=True, rank=7),
    Column(key="p95_ms_b", header="p95 b", show=duration, right=True, rank=7),
    Column(key="error_rate_a", header="failing a", show=share, right=True, rank=8),
    Column(key="error_rate_b", header="failing b", show=share, right=True, rank=8),
    Column(key="input_tokens_a", header="in a", show=count, right=True, rank=9),
    Column(key="input_tokens_b", header="in b", show=count, right=True, rank=9),
    Column(key="output_tokens_a", header="out a", show=count, right=True, rank=10),
    Column(key="output_tokens_b", header="out b", show=count, right=True, rank=10),
)
BUDGET = (
    LLM_CALLS,
    Column(key="_cost", header="spent", show=str, right=True, rank=1),
    Column(key="limit_usd", header="limit", show=usd, right=True, rank=4),
    Column(key="left_usd", header="left", show=usd, right=True, rank=3),
    Column(key="used_share", header="used", show=share, right=True, rank=2),
    Column(key="_bar", header="", show=str, rank=5),
    Column(key="state", header="state"),
)
FORECAST = (
    Column(key="_spent", header="spent", show=str, right=True, rank=1),
    Column(key="_expected", header="expected", show=str, right=True, rank=1),
    Column(key="low_usd", header="from", show=usd, right=True, rank=2),
    Column(key="high_usd", header="to", show=usd, right=True, rank=2),
    Column(key="days_left", header="days left", show=_tenths, right=True, rank=3),
    Column(key="basis", header="basis", rank=4),
    Column(key="basis_days", header="days", show=count, right=True, rank=5),
)
