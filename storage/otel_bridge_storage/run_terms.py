"""
What wanted runs have in common, each thing as a condition that an index can serve.

A run has its place, its start and its id, in the index of every term. Runs that one term
finds are looked up there for the others, so that no row of `runs` is read on the way and
each index is read in its order.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Text, exists, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from otel_bridge_storage.living_writers import is_going_on, is_interrupted
from otel_bridge_storage.run_statuses import RUNNING
from otel_bridge_storage.schema import run_labels, runs


class _Unindexed(FunctionElement[str]):
    """
    A column that SQLite shall not look up by its index, since another index is better.
    """

    name = "unindexed"
    type = Text()
    inherit_cache = True


@compiles(_Unindexed)
def _as_it_is(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Unindexed, "sqlite")
def _with_plus(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@dataclass(frozen=True, slots=True)
class ColumnTerm:
    """
    A column of `runs` has a value.
    """

    name: str
    value: str

    @property
    def table(self) -> FromClause:
        """
        Where it is looked up.
        """
        return runs

    def parts(self, table: FromClause) -> list[list[ColumnElement[bool]]]:
        """
        Give the conditions of each part of what has it; a part is in order in the index.
        """
        return [[table.c[self.name] == self.value]]


@dataclass(frozen=True, slots=True)
class LabelTerm:
    """
    A run has a tag, or a key of metadata with a value.
    """

    kind: str
    name: str
    value: str

    @property
    def table(self) -> FromClause:
        """
        Where it is looked up.
        """
        return run_labels

    def parts(self, table: FromClause) -> list[list[ColumnElement[bool]]]:
        """
        Give the conditions of each part of what has it; a part is in order in the index.
        """
        own = {"kind": self.kind, "name": self.name, "value": self.value}
        return [[table.c[name] == value for name, value in own.items()]]


@dataclass(frozen=True, slots=True)
class StatusTerm:
    """
    A run has one of some statuses.

    Attributes:
        stored: The statuses as rows have them.
        lives: Whether the writer of a running run lives; None does not matter.
    """

    stored: tuple[str, ...]
    lives: bool | None

    @property
    def table(self) -> FromClause:
        """
        Where it is looked up.
        """
        return runs

    def parts(self, table: FromClause) -> list[list[ColumnElement[bool]]]:
        """
        Give the conditions of each part of what has it; a part is in order in the index.
        """
        found = {status: [table.c.status == status] for status in self.stored}
        if self.lives is not None:
            writer = is_going_on if self.lives else is_interrupted
            found[RUNNING].append(writer(table))
        return list(found.values())


Term = ColumnTerm | LabelTerm | StatusTerm


def places_of(term: Term) -> list[Select[Any]]:
    """
    List the starts and ids of the runs of which a term holds: a select for each part.
    """
    table = term.table
    return [select(table.c.started_ns, table.c.run_id).where(*p) for p in term.parts(table)]


def holds_at(term: Term, place: FromClause) -> ColumnElement[bool]:
    """
    Give the condition that a term holds of the run at a place.

    Args:
        place: A table that has starts and ids of runs.
    """
    table = term.table.alias()
    there = (
        table.c.started_ns == place.c.started_ns,
        _Unindexed(table.c.run_id) == place.c.run_id,
    )
    found = [exists(literal(1)).where(*part, *there) for part in term.parts(table)]
    return or_(*found) if len(found) > 1 else found[0]
