"""
Databases for tests: filled through the ingest, and read back without ids of their rows.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from otel_bridge_storage.ingest import Applied, Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import Arrival
from otel_bridge_storage.sqlite_files import open_reader

from otel_bridge.dialects.registry import Dialects
from otel_bridge.pricing import GenaiPrices

READER = Dialects()
PRICER = GenaiPrices()


def store(path: Path, batches: Iterable[Sequence[Arrival]]) -> list[Applied]:
    """
    Store batches one after another.
    """
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        return [ingestor.apply(batch) for batch in batches]


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """
    Run a select.
    """
    connection = open_reader(path)
    try:
        return list(connection.execute(sql, values))
    finally:
        connection.close()


def picture(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """
    Give all that is derived, in an order and under names that do not depend on arrival.
    """
    return {name: rows(path, sql) for name, sql in _PICTURE.items()}


_MESSAGES = """(SELECT json_group_array(m.body) FROM (SELECT body FROM json_each(c.{0}) j
    JOIN messages ON messages.id = j.value ORDER BY j.key) m)"""
_PICTURE = {
    "spans": "SELECT trace_id, span_id, role, run_id, session_id, user_id, end_ns FROM spans"
    " ORDER BY trace_id, span_id",
    "runs": """SELECT run_id, trace_id, span_id, agent_name, status, session_id, user_id,
        tenant_id, parent_run_id, delegation_level, service, model, started_ns, ended_ns,
        updated_ns, error_type, error_message, termination_reason, iteration_count, llm_calls,
        failed_llm_calls, tool_calls, failed_tool_calls, input_tokens, output_tokens,
        cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_picousd, unpriced_calls,
        tags, metadata,
        (SELECT body FROM messages WHERE id = input_message),
        (SELECT body FROM messages WHERE id = answer_message) FROM runs ORDER BY run_id""",
    "llm_calls": f"""SELECT s.trace_id, s.span_id, c.run_id, counted, not_counted_because,
        operation, provider, request_model, response_model, response_id, status,
        input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
        cost_picousd, unpriced_reason, finish_reasons, c.start_ns, c.end_ns,
        {_MESSAGES.format("input_messages")}, {_MESSAGES.format("output_messages")}
        FROM llm_calls c JOIN spans s ON s.id = c.span ORDER BY 1, 2""",
    "tool_calls": """SELECT s.trace_id, s.span_id, c.run_id, counted, tool_name, tool_call_id,
        status, c.start_ns, c.end_ns, (SELECT body FROM messages WHERE id = arguments),
        (SELECT body FROM messages WHERE id = result)
        FROM tool_calls c JOIN spans s ON s.id = c.span ORDER BY 1, 2""",
    "steps": """SELECT run_id, step_id, role, time_ns, ordinal, tool_name, is_error, hidden,
        rolled_back, (SELECT body FROM messages WHERE id = message),
        (SELECT body FROM messages WHERE id = condensed_message) FROM steps ORDER BY 1, 2""",
    "sessions": "SELECT * FROM sessions ORDER BY 1",
    "run_log": """SELECT s.trace_id, s.span_id, l.fact_key, l.kind, l.time_ns, l.run_id
        FROM run_log l JOIN spans s ON s.id = l.span ORDER BY 1, 2, 3""",
}
