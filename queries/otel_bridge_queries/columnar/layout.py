"""
What the cache keeps in the database itself: its list of files, and which rows changed.

The files and what is said of them are only as good as each other, so that the list is
in the database: a reader's snapshot holds the list and the rows it is about. Triggers
note which rows changed, whoever changed them, in the transaction that did.

- `columnar_relations`: one row for each relation that is kept.
- `columnar_segments`: the Parquet files; together they hold the rows up to some key.
- `columnar_changes`: the keys of rows that changed since they were written to a file. A
  change is noted once in each epoch; whoever writes a file begins an epoch first.
- `columnar_obsolete`: files that a reader with an older snapshot may still want.
"""

import hashlib
import re
from collections.abc import Iterator

from otel_bridge_queries.relations import Relation

FORMAT = 1
_KEPT = "FROM columnar_relations WHERE name = '{}'"
TABLES = (
    """CREATE TABLE IF NOT EXISTS columnar_relations (
        name TEXT PRIMARY KEY,
        shape TEXT NOT NULL,
        schema_cookie INTEGER NOT NULL,
        tracked_key INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        builder TEXT,
        builder_until_ns INTEGER
    )""",
    """CREATE TABLE IF NOT EXISTS columnar_segments (
        file TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        after_key INTEGER NOT NULL,
        last_key INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS columnar_changes (
        name TEXT NOT NULL,
        row_key INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        PRIMARY KEY (name, row_key, epoch)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS columnar_obsolete (
        file TEXT PRIMARY KEY,
        since_ns INTEGER NOT NULL
    )""",
)


def shape_of(relation: Relation) -> str:
    """
    Give a text that is the same as long as files of a relation mean the same.
    """
    told = [FORMAT, *triggers_of(relation).values(), relation.rows, relation.origin]
    for column in relation.columns:
        made_by = "" if column.function is None else column.function.__name__
        told.append(f"{column.name} {column.type} {column.source} {made_by}")
    return hashlib.blake2b("\n".join(map(str, told)).encode(), digest_size=16).hexdigest()


def triggers_of(relation: Relation) -> dict[str, str]:
    """
    Give the statements that make a relation's triggers, by the triggers' names.
    """
    return dict(_of_its_table(relation)) | dict(_of_runs(relation))


def _of_its_table(relation: Relation) -> Iterator[tuple[str, str]]:
    columns = ", ".join(_columns_read(relation))
    for event, row in (("INSERT", "NEW"), (f"UPDATE OF {columns}", "OLD"), ("DELETE", "OLD")):
        key = f"{row}.{relation.key}"
        yield _trigger(
            relation,
            event,
            relation.table,
            f"{key} <= (SELECT tracked_key {_KEPT.format(relation.name)})",
            f"SELECT {key} AS row_key",
        )


def _of_runs(relation: Relation) -> Iterator[tuple[str, str]]:
    """
    Rows that carry columns of their run change with it.
    """
    if not relation.run_columns:
        return
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in relation.run_columns)
    update = f"UPDATE OF {', '.join(relation.run_columns)}"
    for event, row, condition in (
        ("INSERT", "NEW", None),
        (update, "NEW", changed),
        ("DELETE", "OLD", None),
    ):
        told = f"EXISTS (SELECT 1 {_KEPT.format(relation.name)})"
        yield _trigger(
            relation,
            event,
            "runs",
            told if condition is None else f"{told} AND ({condition})",
            f"SELECT {relation.key} AS row_key FROM {relation.table} "  # noqa: S608
            f"WHERE run_id = {row}.run_id",
        )


def _trigger(
    relation: Relation, event: str, table: str, condition: str, keys: str
) -> tuple[str, str]:
    """
    Write a trigger; only constants of `relations` are put together.

    The policy for conflicts of the statement that fires a trigger overrules the
    trigger's own, so that there must be no conflict: what was noted is not noted again.
    """
    name = f"columnar_{relation.name}_{table}_{event.split(maxsplit=1)[0].lower()}"
    return name, (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} WHEN {condition} BEGIN "  # noqa: S608
        "INSERT INTO columnar_changes (name, row_key, epoch) "
        "SELECT r.name, k.row_key, r.epoch "
        f"FROM columnar_relations AS r CROSS JOIN ({keys}) AS k "
        f"WHERE r.name = '{relation.name}' AND k.row_key <= r.tracked_key AND NOT EXISTS ("
        "SELECT 1 FROM columnar_changes AS c "
        "WHERE c.name = r.name AND c.row_key = k.row_key AND c.epoch = r.epoch); END"
    )


def _columns_read(relation: Relation) -> list[str]:
    """
    Name the columns of its own table that a relation reads.
    """
    told = " ".join(
        [*(column.source for column in relation.columns), relation.joined, relation.where or ""]
    )
    found = re.findall(rf"\b{relation.table}\.(\w+)", told)
    return sorted({name for name in found if name != relation.key})
