"""
Calls, tokens and cost summed where they are stored, for programs that have to stay small.
"""

from typing import Any

from sqlalchemy import Connection, case, func, select

from otel_bridge_storage.moments import usd
from otel_bridge_storage.schema import llm_calls, runs

_SUMMED = (
    "cost_picousd",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_KEYS = (
    runs.c.agent_name,
    llm_calls.c.provider,
    func.coalesce(llm_calls.c.response_model, llm_calls.c.request_model).label("model"),
)
_QUERY = (
    select(
        *_KEYS,
        func.count().label("llm_calls"),
        (func.count() - func.count(llm_calls.c.cost_picousd)).label("unpriced_calls"),
        func.sum(case((llm_calls.c.status == "error", 1), else_=0)).label("error_calls"),
        *(func.sum(llm_calls.c[name]).label(name) for name in _SUMMED),
    )
    .select_from(llm_calls.outerjoin(runs, runs.c.run_id == llm_calls.c.run_id))
    .where(llm_calls.c.counted == 1)
    .group_by(*_KEYS)
)


def call_sums(connection: Connection) -> list[dict[str, Any]]:
    """
    Sum the counted calls by agent, provider and model; reads all of them.

    Returns:
        For each group `agent_name`, `provider`, `model`, `llm_calls`, `unpriced_calls`,
        `error_calls`, `cost_usd` and the tokens, which are None where no call told.
    """
    return [_sums(dict(row)) for row in connection.execute(_QUERY).mappings()]


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    # PostgreSQL sums large integers as decimals.
    picousd, *_ = figures = [None if row[n] is None else int(row[n]) for n in _SUMMED]
    del row["cost_picousd"]
    told = dict(zip(_SUMMED[1:], figures[1:], strict=True))
    return {**row, **told, "cost_usd": usd(picousd)}
