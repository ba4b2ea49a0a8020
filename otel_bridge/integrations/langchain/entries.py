"""
What is open: the runs, calls and tools of LangChain whose end has not been told.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from opentelemetry.context import Context

from otel_bridge.deferring import ForkSafeLock
from otel_bridge.integrations.langchain.callers import LEAD
from otel_bridge.integrations.langchain.current import Stay
from otel_bridge.integrations.langchain.options import Options
from otel_bridge.span_forms import TOOL

CHAIN = "chain"
"""
A part of a run that is no run, call or tool itself: a node of a graph, a chain in a chain.
"""


@dataclass(slots=True, kw_only=True)
class Entry:
    """
    Something of LangChain's that is open.

    Attributes:
        kind: `RUN`, `LLM` or `TOOL` of `otel_bridge.span_forms`, or `CHAIN`.
        own_id: LangChain's id of it.
        run_id: The recorded run that it belongs to, or is; empty outside of any.
        options: What the handler that noted it was told.
        content: Whether what people wrote is recorded of it.
        parent_run: The recorded run that a run was started by.
        home: LangChain's id of the run that a chain belongs to.
        name: What the framework calls it.
        context: What runs inside it.
        agent: The name that `create_agent` or a tag gave the agent around it.
        caller: Who speaks in it.
        tool: The tool around it, inside the run.
        namespace: LangGraph's task that it runs in.
        metadata: What LangChain tells of it.
        inputs: What a chain was given, kept until it is known whether it is a graph.
        call_id: The id of a call or a tool call.
        provider: Who was asked, of a call.
        resume_key: What a resumption of the run is known by.
        pauses: The interrupts of a run, by id.
        stay: Where the code inside finds its context, to be taken back at the end.
    """

    kind: str
    own_id: UUID
    run_id: str
    name: str
    context: Context
    start_ns: int
    parent_run: str | None = None
    home: UUID | None = None
    agent: str | None = None
    caller: str = LEAD
    tool: str | None = None
    namespace: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    content: bool = True
    tags: tuple[str, ...] = ()
    inputs: Any = None
    call_id: str = ""
    first_chunk_ns: int | None = None
    provider: str | None = None
    resume_key: tuple[str, ...] | None = None
    pauses: dict[str, Any] = field(default_factory=dict)
    stay: Stay | None = None


def tool_around(entry: Entry) -> str | None:
    """
    Name the tool that the code inside something belongs to, if there is one in its run.
    """
    return entry.name if entry.kind == TOOL else entry.tool


class OpenEntries:
    """
    The open entries by LangChain's run id, oldest first; safe for threads.

    Args:
        most: How many there may be; beyond that the oldest is forgotten.
    """

    def __init__(self, most: int) -> None:
        self._entries: OrderedDict[UUID, Entry] = OrderedDict()
        self._most = most
        self.lock = ForkSafeLock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, run_id: UUID | None) -> Entry | None:
        """
        Find what is open under an id.
        """
        return None if run_id is None else self._entries.get(run_id)

    def add(self, run_id: UUID, entry: Entry) -> Entry | None:
        """
        Note what began.

        Returns:
            The entry that was forgotten, where there are too many.
        """
        with self.lock:
            self._entries[run_id] = entry
            if len(self._entries) <= self._most:
                return None
            return self._entries.popitem(last=False)[1]

    def inside(self, run_id: str) -> list[UUID]:
        """
        List what is open in a run and in the runs that it started, innermost first.
        """
        with self.lock:
            entries = list(self._entries.items())
        found: list[UUID] = []
        runs = {run_id}
        for own_id, entry in entries:
            if entry.run_id in runs or entry.parent_run in runs:
                runs.add(entry.run_id)
                found.insert(0, own_id)
        return found

    def pop(self, run_id: UUID) -> Entry | None:
        """
        Take out what ended.
        """
        with self.lock:
            return self._entries.pop(run_id, None)
