"""
Binding spans that changed, writing what that comes to, and marking what must be settled.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, func, insert, update

from otel_bridge_storage.binding import Forest, Node, Surroundings, home_of
from otel_bridge_storage.readings import Role
from otel_bridge_storage.schema import spans
from otel_bridge_storage.span_rows import Key
from otel_bridge_storage.statements import Rows
from otel_bridge_storage.unit import Unit

_RUN, _LLM, _TOOL, _OTHER = Role.RUN, Role.LLM, Role.TOOL, Role.OTHER
_BINDING = ("role", "run_id", "outer_call", "session_id", "user_id", "names")
_INSERT_SPANS = Rows(insert(spans).values({c.name: bindparam(c.name) for c in spans.columns}))
_UPDATE_SPANS = Rows(
    update(spans)
    .where(spans.c.id == bindparam("at"))
    .values(
        {
            column.name: bindparam(f"{column.name}_")
            for column in spans.columns
            if column.name not in ("id", "ended_seq")
        }
        # A span ends once; a fuller version of it is no new end.
        | {"ended_seq": func.coalesce(spans.c.ended_seq, bindparam("ended_seq_"))}
    )
)
_UPDATE_BINDINGS = Rows(
    update(spans)
    .where(spans.c.id == bindparam("at"))
    .values({name: bindparam(f"{name}_") for name in _BINDING})
)


def bind(unit: Unit, known: Mapping[Key, Any]) -> list[Node]:
    """
    Bind the spans of a transaction and all that hangs from them.

    Args:
        known: The stored rows of these spans and of their parents.

    Returns:
        Stored spans besides, whose binding changed.
    """
    forest = Forest(unit.connection, known)
    bound = forest.bind([change.node for change in unit.changes.values()])
    unit.fresh_runs |= forest.visited_runs
    return [node for node in bound if node.id not in unit.changes]


def write_spans(unit: Unit) -> None:
    """
    Write the rows of the spans that arrived.
    """
    new, completed = [], []
    for change in unit.changes.values():
        if change.prepared is None:
            continue
        row = change.prepared.row(unit.texts, unit.origins)
        row.update(binding_of(change.node))
        row["log_hash"] = change.log_hash
        ended = change.record.end_ns is not None
        row["writer_id"] = None if ended else unit.writer_id
        sent_as_such = ended and change.log_hash is None
        row["ended_seq"] = unit.numbers.next("ended") if sent_as_such else None
        if change.stored is None:
            row["id"] = change.id
            new.append(row)
        else:
            completed.append({"at": change.id} | _renamed(row))
    unit.write(_INSERT_SPANS, new)
    unit.write(_UPDATE_SPANS, completed)


def write_bindings(unit: Unit, nodes: Iterable[Node]) -> None:
    """
    Write what stored spans are bound to now.
    """
    rows = [{"at": node.id} | _renamed(binding_of(node)) for node in nodes]
    unit.write(_UPDATE_BINDINGS, rows)


def mark(unit: Unit, moved: Iterable[Node]) -> None:
    """
    Mark what must be settled because spans arrived or moved.
    """
    for change in unit.changes.values():
        _mark(unit, change.node)
    for node in moved:
        _mark(unit, node)
        if node.stored is not None:
            unit.reshaped_runs.update((home_in(node.stored, node.key[0]), home(node)))


def home(node: Node) -> str:
    """
    Say which run a span belongs to.
    """
    return home_in(node.bound, node.key[0])


def home_in(around: Surroundings, trace_id: str) -> str:
    """
    Say which run that is which has these surroundings.
    """
    return home_of(around.run_id, trace_id, around.session_id)


def binding_of(node: Node) -> dict[str, Any]:
    """
    Give the columns of a span's row that say what it is bound to.
    """
    return {
        "role": None if node.role is _OTHER else node.role.value,
        "run_id": node.bound.run_id,
        "outer_call": node.bound.outer_call,
        "session_id": node.bound.session_id,
        "user_id": node.bound.user_id,
        "names": node.names,
    }


def _mark(unit: Unit, node: Node) -> None:
    for role in (node.role, node.stored_role):
        if role == _LLM:
            unit.dirty_calls.add(node.id)
        elif role == _TOOL:
            unit.dirty_tools.add(node.id)
    before = node.stored
    if before and (before.session_id, before.user_id) != (
        node.bound.session_id,
        node.bound.user_id,
    ):
        unit.fresh_runs.update((home_in(before, node.key[0]), home(node)))
    if node.stored_role is _RUN and node.stored is not None and node.stored.run_id:
        unit.fresh_runs.add(node.stored.run_id)
        unit.reshaped_runs.add(node.stored.run_id)
    if node.own_run_id:
        unit.fresh_runs.add(node.own_run_id)
        unit.reshaped_runs.add(node.own_run_id)


def _renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """
    Name values as an update's parameters are, which may not be named as its columns.
    """
    return {f"{name}_": value for name, value in row.items()}
