"""
Databases with very many calls, written straight into the tables by SQLite itself.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from otel_bridge_storage.opening import open_database

S = 1_000_000_000
FIRST_NS = 1_750_000_000 * S
CALLS_OF_A_RUN = 7
TOOLS_OF_A_RUN = 3

_SHARED = """
INSERT INTO resources (id, hash, service, attributes, dropped_attributes, schema_url, entities)
VALUES (1, x'01', 'shop', '{}', 0, '', '[]');
INSERT INTO scopes (id, hash, name, version, attributes, dropped_attributes, schema_url)
VALUES (1, x'01', 'client', '1', '{}', 0, '');
"""
# A run each 21 seconds; every fifth was started by the one before it.
_RUNS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :runs)
INSERT INTO runs (
    run_id, trace_id, span_id, agent_name, status, session_id, user_id, parent_run_id,
    delegation_level, service, model, started_ns, ended_ns, updated_ns, iteration_count,
    llm_calls, failed_llm_calls, tool_calls, failed_tool_calls, input_tokens, output_tokens,
    cost_picousd, unpriced_calls, tags, metadata
)
SELECT
    printf('%032x', i * 2654435761), printf('%032x', i * 2654435761),
    printf('%016x', i * 2654435761), 'agent-' || (i * 7919 % 12),
    CASE WHEN i % 40 = 0 THEN 'error' ELSE 'success' END, 'session-' || (i / 7),
    'user-' || (i / 7 * 31 % 1000),
    CASE WHEN i % 5 = 4 THEN printf('%032x', (i - 1) * 2654435761) END, i % 5 = 4, 'shop',
    'model-1', :first + i * 21000000000, :first + i * 21000000000 + 20000000000,
    :first + i * 21000000000 + 20000000000, 7, 7, 0, 3, 0, 10000, 1000, 3000000000, 0,
    CASE i % 5 WHEN 0 THEN '["beta"]' WHEN 1 THEN '["eu","prod"]' ELSE '[]' END,
    CASE i % 3 WHEN 0 THEN '{"plan":"pro"}' WHEN 1 THEN '{"plan":"free"}' ELSE '{}' END
FROM n
"""
_SPANS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :spans)
INSERT INTO spans (
    id, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, start_ns, end_ns,
    status_code, status_message, attributes, dropped_attributes, dropped_events,
    dropped_links, resource_id, scope_id, role, run_id
)
SELECT
    i + 1, printf('%032x', i / 10 * 2654435761), printf('%016x', i * 2654435769 + 1),
    printf('%016x', i / 10 * 2654435761), '', 1, 'x', 3, :first + i * 2100000000,
    :first + i * 2100000000 + 1500000000, 0, '', '{}', 0, 0, 0, 1, 1,
    CASE WHEN i % 10 < 7 THEN 'llm' ELSE 'tool' END, printf('%032x', i / 10 * 2654435761)
FROM n
"""
# One call in fifty fails, one in a hundred has no price.
_LLM_CALLS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :calls)
INSERT INTO llm_calls (
    span, run_id, home, counted, scope, dialect, precedence, operation, provider,
    request_model, response_model, response_id, start_ns, end_ns, status, error_type,
    error_message, input_tokens, output_tokens, cache_read_tokens, reasoning_tokens,
    cost_picousd, unpriced_reason, time_to_first_chunk_ns, finish_reasons, input_messages,
    output_messages
)
SELECT
    i / 7 * 10 + i % 7 + 1, printf('%032x', i / 7 * 2654435761),
    printf('%032x', i / 7 * 2654435761), 1, 1, 'semconv', 1, 'chat',
    CASE i % 2 WHEN 0 THEN 'openai' ELSE 'anthropic' END, 'model-' || (i * 31 % 9),
    'model-' || (i * 31 % 9), 'response-' || i, :first + i * 3000000000,
    :first + i * 3000000000 + 500000000 + i * 7919 % 9973 * 900000,
    CASE WHEN i % 50 = 0 THEN 'error' ELSE 'ok' END,
    CASE WHEN i % 50 = 0 THEN 'RateLimitError' END,
    CASE WHEN i % 50 = 0 THEN 'too many requests' END,
    i * 7919 % 4000, i * 104729 % 400, i * 7919 % 4000 / 2, i % 40,
    CASE WHEN i % 100 <> 7 THEN i * 7919 % 4000 * 2500000 + i * 104729 % 400 * 10000000 END,
    CASE WHEN i % 100 = 7 THEN 'the model is in no price list' END,
    200000000 + i * 17 % 977 * 1000000, '["stop"]', '[]', '[]'
FROM n
"""
_TOOL_CALLS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :tools)
INSERT INTO tool_calls (
    span, run_id, home, counted, dialect, tool_name, start_ns, end_ns, status, error_type,
    error_message
)
SELECT
    i / 3 * 10 + 7 + i % 3 + 1, printf('%032x', i / 3 * 2654435761),
    printf('%032x', i / 3 * 2654435761), 1, 'semconv', 'tool-' || (i * 13 % 7),
    :first + i * 7000000000, :first + i * 7000000000 + i * 7919 % 9973 * 100000,
    CASE WHEN i % 30 = 0 THEN 'error' ELSE 'ok' END,
    CASE WHEN i % 30 = 0 THEN 'TimeoutError' END, NULL
FROM n
"""


def make_calls(path: Path, calls: int) -> None:
    """
    Make a database with so many LLM calls, one each three seconds.

    A seventh as many runs have seven calls and three tool calls each.
    """
    open_database(path).close()
    runs = -(-calls // CALLS_OF_A_RUN)
    given = {
        "first": FIRST_NS,
        "calls": calls,
        "runs": runs,
        "spans": runs * (CALLS_OF_A_RUN + TOOLS_OF_A_RUN),
        "tools": runs * TOOLS_OF_A_RUN,
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        connection.executescript(f"BEGIN; {_SHARED} COMMIT;")
        for statement in (_RUNS, _SPANS, _LLM_CALLS, _TOOL_CALLS):
            connection.execute(statement, given)
        connection.execute(
            "INSERT INTO sessions SELECT session_id, min(user_id), min(started_ns), "
            "max(updated_ns), count(*) FROM runs GROUP BY session_id"
        )
        connection.execute("UPDATE counters SET value = ? WHERE name = 'span'", (given["spans"],))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
