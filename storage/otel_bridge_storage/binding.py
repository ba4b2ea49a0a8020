"""
Binding: which run, call, session and user each span belongs to, whatever came first.

A span hands down to its children what it is in: the run (its own where it is one), the
LLM or tool call around it, the session and the user. A span without a parent that is
linked to one that started earlier is bound as if it were a child of that one. When a
span arrives whose children are already there, what they are in may change, and so on
down the tree; a branch in which nothing changes is not followed.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from otel_bridge_storage.log_identity import trace_id_of
from otel_bridge_storage.readings import Reading, Role
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.schema import spans
from otel_bridge_storage.span_rows import PLACE_COLUMNS, Key, link_key
from otel_bridge_storage.statements import KEYS, Lookup

_OWN_SESSION, _OWN_USER = 1, 2
# Looking up a member of an enumeration takes ten times as long as looking up a name.
_RUN, _OTHER = Role.RUN, Role.OTHER

_FIND_CHILDREN = Lookup(
    select(*PLACE_COLUMNS).where(KEYS), spans.c.trace_id, spans.c.parent_span_id
)
_FIND_LINKED = Lookup(
    select(*PLACE_COLUMNS).where(KEYS, spans.c.link_trace_id.is_not(None)),
    spans.c.link_trace_id,
    spans.c.link_span_id,
)


class Surroundings(NamedTuple):
    """
    What a span is in; what it hands down to its children.
    """

    run_id: str | None = None
    outer_call: int | None = None
    session_id: str | None = None
    user_id: str | None = None


_NOWHERE = Surroundings()


@dataclass(slots=True)
class Node:
    """
    A span's place in its tree.

    Attributes:
        parent_key: The key of its parent, or of the span that stands for it.
        linked: A link stands for the parent.
        run_id: The run it is bound to; None outside any agent's span.
        stored: What the database holds of it so far; None for a new span.
    """

    id: int
    key: Key
    parent_key: Key | None
    role: Role
    start_ns: int
    linked: bool = False
    own_run_id: str | None = None
    own_session_id: str | None = None
    own_user_id: str | None = None
    bound: Surroundings = _NOWHERE
    stored: Surroundings | None = None
    stored_role: Role | None = None

    @property
    def names(self) -> int | None:
        """
        Say which of session and user the span names itself.
        """
        own_session = _OWN_SESSION if self.own_session_id else 0
        own_user = _OWN_USER if self.own_user_id else 0
        return own_session | own_user or None

    @property
    def changed(self) -> bool:
        """
        Whether the database must learn of the binding.
        """
        return self.stored != self.bound or self.stored_role != self.role

    def handed_down(self) -> Surroundings:
        """
        Say what the children are in.
        """
        bound = self.bound
        if self.role is _OTHER:
            return bound
        outer = None if self.role is _RUN else self.id
        return Surroundings(bound.run_id, outer, bound.session_id, bound.user_id)

    def bind(self, around: Surroundings) -> None:
        """
        Take what the parent hands down, and what is the span's own before it.
        """
        run_id, outer_call, session_id, user_id = around
        self.bound = Surroundings(
            self.own_run_id if self.role is _RUN else run_id,
            # What goes on elsewhere is no part of the call that set it going.
            None if self.linked else outer_call,
            self.own_session_id or session_id,
            self.own_user_id or user_id,
        )


class Forest:
    """
    The spans of a batch, with as much of the trees around them as is concerned.

    Args:
        known: The stored rows of the batch's spans and of their parents.
    """

    def __init__(self, connection: Connection, known: Mapping[Key, Row[Any]]) -> None:
        self._connection = connection
        self._known = known
        self.nodes: dict[Key, Node] = {}
        self.visited_runs: set[str] = set()
        self._children: defaultdict[Key, list[Node]] = defaultdict(list)

    def bind(self, arrived: Sequence[Node]) -> list[Node]:
        """
        Bind the arrived spans and all that hangs from them.

        Runs that were looked at are in `visited_runs`: the run above them may be another.

        Returns:
            Every node whose binding is new or changed.
        """
        for node in arrived:
            self._add(node)
        self._load_parents(arrived)
        pending = deque(reversed(arrived))
        touched: dict[Key, Node] = {}
        with_children: set[Key] = set()
        while pending:
            moved = self._settle(pending, touched)
            fresh = [node.key for node in moved if node.key not in with_children]
            with_children.update(fresh)
            pending.extend(self._load_children(fresh))
        self.visited_runs.update(n.own_run_id for n in touched.values() if n.own_run_id)
        return [node for node in touched.values() if node.changed]

    def _settle(self, pending: deque[Node], touched: dict[Key, Node]) -> list[Node]:
        moved = {}
        while pending:
            node = pending.popleft()
            known = node.stored is not None or node.key in touched
            before = node.handed_down() if known else None
            parent = self._above(node)
            node.bind(parent.handed_down() if parent else _NOWHERE)
            touched[node.key] = node
            if before != node.handed_down():
                moved[node.key] = node
                pending.extend(self._children.get(node.key, ()))
            elif node.stored_role != node.role:
                moved[node.key] = node
        return list(moved.values())

    def _above(self, node: Node) -> Node | None:
        above = self.nodes.get(node.parent_key) if node.parent_key else None
        # Links may lead in a circle, but not back in time.
        if above is not None and node.linked and above.start_ns >= node.start_ns:
            return None
        return above

    def _add(self, node: Node) -> None:
        self.nodes[node.key] = node
        if node.parent_key is not None:
            self._children[node.parent_key].append(node)

    def _load_parents(self, arrived: Iterable[Node]) -> None:
        wanted = {n.parent_key for n in arrived if n.parent_key} - self.nodes.keys()
        for key in sorted(wanted & self._known.keys()):
            self._add(stored_node(self._known[key]))

    def _load_children(self, keys: Sequence[Key]) -> list[Node]:
        loaded = []
        for lookup in (_FIND_CHILDREN, _FIND_LINKED):
            for node in self._load(lookup, keys):
                if node.key not in self.nodes:
                    self._add(node)
                    loaded.append(node)
        return loaded

    def _load(self, lookup: Lookup, keys: Sequence[Key]) -> Iterable[Node]:
        for row in lookup.rows(self._connection, keys):
            yield stored_node(row)


def stored_node(row: Row[Any]) -> Node:
    """
    Make a node of a row of `spans`.
    """
    role = Role(row.role) if row.role else Role.OTHER
    names = row.names or 0
    bound = Surroundings(row.run_id, row.outer_call, row.session_id, row.user_id)
    return Node(
        id=row.id,
        key=(row.trace_id, row.span_id),
        parent_key=parent_key(row.trace_id, row.parent_span_id)
        or parent_key(row.link_trace_id, row.link_span_id),
        role=role,
        start_ns=row.start_ns,
        linked=row.link_span_id is not None,
        own_run_id=row.run_id if role is Role.RUN else None,
        own_session_id=row.session_id if names & _OWN_SESSION else None,
        own_user_id=row.user_id if names & _OWN_USER else None,
        bound=bound,
        stored=bound,
        stored_role=role,
    )


def arrived_node(row_id: int, span: SpanRecord, reading: Reading, stored: Node | None) -> Node:
    """
    Make a node of a span that just arrived.
    """
    above = parent_key(span.trace_id, span.parent_span_id)
    link = link_key(span) if above is None else None
    node = Node(
        id=row_id,
        key=span.key,
        parent_key=above or link,
        role=reading.role,
        start_ns=span.start_ns,
        linked=link is not None,
        own_run_id=own_run_id(span, reading),
        own_session_id=reading.session_id,
        own_user_id=reading.user_id,
    )
    if stored is not None:
        node.bound = stored.bound
        node.stored = stored.stored
        node.stored_role = stored.stored_role
    return node


def home_of(run_id: str | None, trace_id: str, session_id: str | None) -> str:
    """
    Say which run a span belongs to.

    Outside any agent its session stands for one, since instrumentations of clients make a
    trace of each request; and its trace where it has no session either.
    """
    if run_id is not None:
        return run_id
    return trace_id if session_id is None else trace_id_of(session_id)


def own_run_id(span: SpanRecord, reading: Reading) -> str | None:
    """
    Give the id of the run that a span is: its own name for it, or one made of its ids.
    """
    if reading.run is None:
        return None
    return reading.run.run_id or span.span_id + span.trace_id[:16]


def key_above(span: SpanRecord) -> Key | None:
    """
    Give the key of a span's parent, or of the span that stands for it.
    """
    return parent_key(span.trace_id, span.parent_span_id) or link_key(span)


def parent_key(trace_id: str, parent_span_id: str | None) -> Key | None:
    """
    Give the key of a span's parent.
    """
    return (trace_id, parent_span_id) if parent_span_id else None
