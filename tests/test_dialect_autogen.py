"""
What the spans of AutoGen mean.
"""

from typing import Any

import captures
import pytest
from otel_bridge_storage.readings import Role
from read_dialects import Reads

from otel_bridge.dialects.autogen import AutoGen

READS = Reads(AutoGen())


def test_a_capture_tells_its_agent_and_its_tools() -> None:
    """
    One agent ran and its tools are told, with the failure; the spans of the runtime, in
    eleven other traces, are no part of a run, and there is no request to a model.
    """
    truth = captures.expected("autogen_agentchat")
    readings = READS.capture("autogen_agentchat")
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert run.agent_name == truth["agent_name"]
    tools = [(r.tool.tool_name, r.tool.tool_call_id, r.error_type) for r in readings if r.tool]
    assert tools == [
        (t["name"], t["call_id"], t.get("error_type")) for t in truth["tools_executed"]
    ]
    assert not any(r.call for r in readings)
    assert {r.dialect for r in readings} == {"autogen"}


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({"gen_ai.operation.name": "create_agent", "gen_ai.system": "autogen"}, Role.OTHER),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "autogen"}, Role.RUN),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.system": "autogen"}, Role.TOOL),
    ],
)
def test_a_tracer_of_ones_own_makes_no_difference(attributes: dict[str, Any], role: Role) -> None:
    """
    A span that names AutoGen as its system is read by its operation, whatever its scope.
    """
    reading = READS.span(attributes, scope="my-tracer")
    assert (reading.dialect, reading.role) == ("autogen", role)
