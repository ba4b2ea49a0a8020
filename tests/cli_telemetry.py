"""
What the tests of the coding command lines share: their records, read and stored.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import Arrival, LogRecord, ScopeRecord, SpanRecord
from stored import rows

from otel_bridge.dialects import Dialects
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.semconv import SemConv
from otel_bridge.pricing import GenaiPrices

TRACE = "a" * 32
SECOND = 1_000_000_000

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=5)
    | st.sampled_from(["true", "{", "[1", '{"parts":[1]}', '[{"parts":[{"text":1}]}]', "[[[]]]"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
"""
Whatever an attribute or a log record's body may hold.
"""

COUNTED = """SELECT request_model, response_model, status, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens FROM llm_calls
    WHERE counted = 1 ORDER BY start_ns, input_tokens"""
TOOLS = "SELECT tool_name, status FROM tool_calls WHERE counted = 1 ORDER BY tool_call_id"
RUNS = """SELECT session_id, llm_calls, tool_calls, input_tokens, output_tokens
    FROM runs ORDER BY started_ns"""
STEPS = """SELECT steps.role, body FROM steps LEFT JOIN messages ON messages.id = message
    WHERE steps.role <> 'tool' ORDER BY time_ns, ordinal"""


def attributes_of(names: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """
    Make attributes of these names and any values.
    """
    return st.dictionaries(st.sampled_from(sorted(names)), ANYTHING)


def span_of(
    name: str, attributes: Mapping[str, Any], *, scope: str, at: int = 1, **fields: Any
) -> SpanRecord:
    """
    Make a span that starts at a second and lasts for half of one.
    """
    told = {"trace_id": TRACE, "span_id": f"{at:016x}", **fields}
    return SpanRecord(
        name=name,
        attributes=attributes,
        scope=ScopeRecord(name=scope),
        start_ns=at * SECOND,
        end_ns=at * SECOND + SECOND // 2,
        **told,
    )


def log_of(attributes: Mapping[str, Any], *, scope: str, at: int = 1, **fields: Any) -> LogRecord:
    """
    Make a log record of a second.
    """
    return LogRecord(
        attributes=attributes, scope=ScopeRecord(name=scope), time_ns=at * SECOND, **fields
    )


def stored(path: Path, dialect: Dialect, records: Sequence[Arrival], *sql: str) -> list[Any]:
    """
    Store records and select from what is derived, which is the same in any order.
    """
    orders = [
        list(records),
        list(reversed(records)),
        random.Random(1).sample(records, len(records)),
    ]
    found = []
    for number, order in enumerate(orders):
        database_path = path / f"{number}.db"
        with open_database(database_path) as database:
            reader = Dialects([dialect, SemConv()])
            ingestor = Ingestor(database, reader=reader, pricer=GenaiPrices())
            for record in order:
                ingestor.apply([record])
        found.append([rows(database_path, one) for one in sql])
    assert found == [found[0]] * len(orders)
    return found[0]
