"""
Mastra: the conventions, with the program's metadata and a run's ask and answer beside them.
"""

import json
from typing import Any

from otel_bridge_storage.readings import Reading, Role
from otel_bridge_storage.records import ScopeRecord, SpanRecord

from otel_bridge.dialects import Dialects


def read(**attributes: Any) -> Reading:
    """
    Read a span of Mastra's exporter, whose dots are given as double underscores.
    """
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return Dialects().read_span(
        SpanRecord(
            trace_id="1" * 32,
            span_id="2" * 16,
            name="span",
            attributes=named,
            scope=ScopeRecord("@mastra/otel-exporter", "1.4.0"),
        )
    )


def test_metadata_of_the_program_names_session_and_user() -> None:
    """
    What a program put into Mastra's metadata is the session and the user of a call.
    """
    reading = read(
        mastra__span__type="model_generation",
        gen_ai__operation__name="chat",
        gen_ai__usage__input_tokens=12,
        mastra__metadata__sessionId="s",
        mastra__metadata__userId="u",
    )
    assert (reading.dialect, reading.role) == ("mastra", Role.LLM)
    assert (reading.session_id, reading.user_id) == ("s", "u")
    assert reading.call is not None
    assert reading.call.usage.input_tokens == 12


def test_a_run_tells_what_it_was_asked_and_answered() -> None:
    """
    Ask and answer of an agent's run are read out of the JSON of the whole.
    """
    reading = read(
        mastra__span__type="agent_run",
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name="travel",
        mastra__agent_run__input=json.dumps([{"role": "user", "content": "Where?"}]),
        mastra__agent_run__output=json.dumps({"text": "Lisbon", "files": []}),
    )
    assert reading.run is not None
    asked, answered = reading.run.input[-1], reading.run.output[-1]
    assert (asked.role, "Where?" in asked.body) == ("user", True)
    assert (answered.role, "Lisbon" in answered.body) == ("assistant", True)
