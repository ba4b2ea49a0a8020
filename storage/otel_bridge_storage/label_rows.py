"""
Settling labels: the rows of `run_labels` follow the rows of `runs`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert

from otel_bridge_storage.labels import has_labels, run_labels_of
from otel_bridge_storage.schema import run_labels
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

Runs = Mapping[str, Mapping[str, Any]]

_DELETE = Lookup(delete(run_labels).where(KEYS), run_labels.c.run_id)
_INSERT = Rows(insert(run_labels))
_TOLD_BY = ("tags", "metadata", "started_ns")


def settle_labels(unit: Unit, stored: Runs, made: Runs) -> None:
    """
    Write the labels of runs of which something that labels tell has changed.

    Args:
        stored: The rows of `runs` as they were, by run id.
        made: The same as they are now; those that are not in it are gone.
    """
    stale = [i for i, old in stored.items() if has_labels(old) and _differ(old, made.get(i))]
    fresh = [row for i, row in made.items() if has_labels(row) and _differ(row, stored.get(i))]
    unit.delete(_DELETE, sorted(stale))
    unit.write(_INSERT, [label for row in fresh for label in run_labels_of(row)])


def _differ(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> bool:
    return other is None or any(one[name] != other[name] for name in _TOLD_BY)
