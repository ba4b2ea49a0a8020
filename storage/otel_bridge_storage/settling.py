"""
Settling: all that is derived from what a transaction changed is made true again.
"""

from collections.abc import Mapping, Sequence

from otel_bridge_storage.calls import settle_llm_calls
from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.run_log import write_log
from otel_bridge_storage.runs import settle_runs
from otel_bridge_storage.sessions import settle_sessions
from otel_bridge_storage.steps import settle_steps
from otel_bridge_storage.tools import settle_tool_calls
from otel_bridge_storage.unit import Unit


def settle(
    unit: Unit, events: Mapping[int, Sequence[FactReading]], moved: Mapping[int, str]
) -> int:
    """
    Make the rows of calls, run log, runs, steps and sessions that the transaction concerns.

    Args:
        events: Facts of spans that are still open, by span row.
        moved: The run of each stored span whose binding changed, by span row.

    Returns:
        How many entries the run log gained.
    """
    settle_llm_calls(unit)
    settle_tool_calls(unit)
    facts = write_log(unit, events, moved)
    settle_runs(unit)
    settle_steps(unit)
    settle_sessions(unit)
    return facts
