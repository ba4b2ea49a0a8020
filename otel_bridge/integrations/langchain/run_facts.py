"""
What is said of a run at its start and its end.
"""

from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from otel_bridge_storage.facts import Fact, RunCancelled, RunFailed

from otel_bridge.failures import error_message, error_type
from otel_bridge.integrations.langchain import callers
from otel_bridge.integrations.langchain.entries import Entry
from otel_bridge.integrations.langchain.options import Options
from otel_bridge.integrations.langchain.outcomes import is_cancellation
from otel_bridge.integrations.langchain.paused import Key
from otel_bridge.integrations.langchain.recording import Told
from otel_bridge.session import SessionContext, current_session


@dataclass(frozen=True, slots=True)
class Parent:
    """
    The run that another begins in, and the context there.
    """

    run_id: str
    context: Context


def lead_name(told: Told) -> str | None:
    """
    Name the lead agent: as the program does, else as the framework does.
    """
    named = told.options.agent_name or callers.subagent_tag(told.tags)
    return named or callers.agent_of(told.metadata) or told.name or None


def told_of_lead(entry: Entry, options: Options) -> dict[str, Any]:
    """
    Say what only the outermost run is told; runs inside it are in the same session.
    """
    session = current_session() or SessionContext()
    metadata = {**options.metadata, **callers.own_metadata(entry.metadata)}
    tags = dict.fromkeys((*options.tags, *callers.own_tags(entry.tags)))
    told_session, told_user = callers.session_of(entry.metadata), callers.user_of(entry.metadata)
    return {
        "session_id": options.session_id or told_session or session.session_id,
        "user_id": options.user_id or told_user or session.user_id,
        "tags": tuple(tags) or None,
        "metadata": metadata or None,
    }


def subagent(told: Told, around: Entry) -> str | None:
    """
    Name the sub-agent whose run begins with a chain, if that can be told at its start.
    """
    tagged = callers.subagent_tag(told.tags)
    if tagged is not None and tagged != around.agent:
        return tagged
    agent = callers.agent_of(told.metadata)
    return agent if tagged is None and agent != around.agent else None


def resume_key(entry: Entry) -> Key | None:
    """
    Say what a resumption of the run will be known by: its thread and its place in the graph.
    """
    thread = entry.metadata.get("thread_id")
    if not isinstance(thread, str | int):
        return None
    return (str(thread), entry.namespace, entry.name)


def end_of(entry: Entry, error: BaseException) -> Fact:
    """
    Tell the end of a run that an exception left.
    """
    if is_cancellation(error):
        return RunCancelled(run_id=entry.run_id, reason=error_type(error))
    return RunFailed(
        run_id=entry.run_id,
        error_type=error_type(error),
        error_message=error_message(error) if entry.content else None,
    )
