"""
Rows of the table of runs, made without telemetry, for tests of lists.
"""

import itertools
from typing import Any

from otel_bridge_storage.schema import runs

_numbers = itertools.count(1)
_ZERO = ("delegation_level", "iteration_count", "llm_calls", "failed_llm_calls", "tool_calls")
_ZERO_TOO = ("failed_tool_calls", "unpriced_calls", "started_ns", "updated_ns")


def row(run_id: str | None = None, **told: Any) -> dict[str, Any]:
    """
    Make the row of a run.

    Args:
        run_id: Its id, or the beginning of one that no other row has.
    """
    own = f"{run_id or 'run'}-{next(_numbers)}"
    made = dict.fromkeys(column.name for column in runs.columns)
    made |= dict.fromkeys((*_ZERO, *_ZERO_TOO), 0)
    made |= {"run_id": own, "trace_id": own, "status": "success", "tags": "[]", "metadata": "{}"}
    return made | told
