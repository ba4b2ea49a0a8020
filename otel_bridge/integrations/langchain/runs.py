"""
Chains of LangChain as runs: which of them are, and how they begin and end.

The outermost chain is the lead agent's run. Inside it, what has an agent's name of its
own is a sub-agent's run, and so is a graph that a tool starts or that has a name. Every
other chain is a part of the run around it: a node, a sequence, a middleware's hook.
"""

from typing import Any

from opentelemetry import context as otel
from otel_bridge_storage.facts import RunFinished, RunResumed, RunStarted

from otel_bridge.integrations.langchain import callers
from otel_bridge.integrations.langchain.abandoned import abandon
from otel_bridge.integrations.langchain.content import answered, asked
from otel_bridge.integrations.langchain.current import in_event_loop
from otel_bridge.integrations.langchain.entries import CHAIN, Entry, tool_around
from otel_bridge.integrations.langchain.options import Options
from otel_bridge.integrations.langchain.outcomes import is_cancellation, is_interrupt, is_steering
from otel_bridge.integrations.langchain.paused import answer_of, by_id, interrupts_of, pause_of
from otel_bridge.integrations.langchain.recording import Recording, Told
from otel_bridge.integrations.langchain.run_facts import (
    Parent,
    end_of,
    lead_name,
    resume_key,
    subagent,
    told_of_lead,
)
from otel_bridge.open_spans import current_run_id
from otel_bridge.span_forms import RUN


class Runs:
    """
    Records the runs of one bridge.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def started(self, told: Told, inputs: Any) -> None:
        """
        Record that a chain began.
        """
        if self._recording.open.get(told.run_id) is not None:
            return
        around = self._recording.around(told)
        entry = self._entry(told, inputs)
        if around is None:
            self._open_run(entry, told.options, None, lead_name(told))
        elif name := subagent(told, around):
            self._open_run(entry, told.options, Parent(around.run_id, around.context), name)
        else:
            self._promote(told, around)
            entry.run_id, entry.context = around.run_id, around.context
            entry.agent, entry.caller = around.agent, around.caller
            entry.tool = tool_around(around)
            entry.home = around.own_id if around.kind == RUN else around.home
        # LangGraph runs a node that is alone in the task of who called the graph.
        is_node = entry.kind == CHAIN and callers.node_of(told.metadata) == told.name
        self._recording.begin(told, entry, stay=is_node, alone=not in_event_loop())

    def ended(self, run_id: Any, outputs: Any) -> None:
        """
        Record that a chain came to its end.
        """
        entry = self._recording.end(run_id)
        if entry is None or entry.kind != RUN:
            return
        if entry.pauses:
            self._suspend(entry)
            return
        output = answered(outputs) if entry.content else None
        self._recording.emitter.record(RunFinished(run_id=entry.run_id, output=output))

    def failed(self, run_id: Any, error: BaseException) -> None:
        """
        Record that a chain was left by an exception.
        """
        entry = self._recording.end(run_id)
        if entry is not None and is_interrupt(error):
            # A LangGraph without events of its own tells of an interrupt only here.
            self.interrupted(entry.home, interrupts_of(error))
        if entry is None or entry.kind != RUN:
            return
        if is_interrupt(error):
            entry.pauses.update(by_id(interrupts_of(error)))
            self._suspend(entry)
        elif is_steering(error):
            self._recording.emitter.record(RunFinished(run_id=entry.run_id))
        else:
            abandon(self._recording, entry.run_id)
            self._recording.emitter.record(
                end_of(entry, error),
                error=error if entry.content and not is_cancellation(error) else None,
            )

    def interrupted(self, run_id: Any, interrupts: Any) -> None:
        """
        Note that a graph is about to stop, to wait for a person.
        """
        entry = self._recording.open.get(run_id)
        if entry is not None:
            entry.pauses.update(by_id(interrupts) or {"": None})

    def _entry(self, told: Told, inputs: Any) -> Entry:
        return Entry(
            kind=CHAIN,
            own_id=told.run_id,
            options=told.options,
            run_id="",
            name=told.name,
            context=otel.get_current(),
            start_ns=self._recording.emitter.clock(),
            namespace=callers.namespace_of(told.metadata),
            metadata=told.metadata,
            tags=told.tags,
            inputs=inputs,
            content=self._recording.records_content(told.options),
        )

    def _promote(self, told: Told, around: Entry) -> None:
        """
        Make a chain a run, now that a node in it tells that it is a graph.
        """
        with self._recording.open.lock:
            if around.kind != CHAIN or around.inputs is None:
                return
            in_graph = callers.namespace_of(told.metadata) != around.namespace
            named = around.name != callers.UNNAMED_GRAPH
            if in_graph and callers.node_of(told.metadata) and (named or around.tool):
                parent = Parent(around.run_id, around.context)
                name = around.name if named else around.tool
                self._open_run(around, told.options, parent, name)
            around.inputs = None

    def _open_run(
        self, entry: Entry, options: Options, parent: Parent | None, name: str | None
    ) -> None:
        """
        Record that a chain is a run, or goes on with one that waited.
        """
        entry.kind, entry.tool = RUN, None
        entry.agent = callers.subagent_tag(entry.tags) or callers.agent_of(entry.metadata)
        entry.caller = callers.LEAD if parent is None else f"subagent:{name}"
        entry.resume_key = resume_key(entry)
        inputs, entry.inputs = entry.inputs, None
        said = answer_of(inputs)
        goes_on = parent is not None or inputs is None or said is not None
        resumed = self._recording.paused.take(entry.resume_key) if goes_on else None
        entry.run_id = resumed[0] if resumed else str(entry.own_id)
        entry.parent_run = parent.run_id if parent else current_run_id()
        started = RunStarted(
            run_id=entry.run_id,
            time_ns=entry.start_ns,
            agent_name=name,
            input=asked(inputs) if entry.content and not resumed and said is None else None,
            parent_run_id=entry.parent_run,
            **(told_of_lead(entry, options) if parent is None else {}),
        )
        entry.context = self._recording.start(started, parent.context if parent else None)
        if resumed or said is not None:
            pause_id = resumed[1] if resumed else None
            told = said if entry.content else None
            self._recording.emitter.emit(
                RunResumed(run_id=entry.run_id, pause_id=pause_id, user_input=told)
            )

    def _suspend(self, entry: Entry) -> None:
        interrupts = {key: value for key, value in entry.pauses.items() if value is not None}
        pause = pause_of(entry.run_id, interrupts, content=entry.content)
        self._recording.emitter.emit(pause)
        self._recording.emitter.suspend(entry.run_id)
        self._recording.paused.add(entry.resume_key, entry.run_id, pause.pause_id)
