"""
What an exporter has put into a lake: its files, and of which rows they were made.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from otel_bridge_storage.errors import LakeError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    What a store says of a file; a file that was written since has another one.
    """

    size: int
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One file.

    Attributes:
        fingerprint: Of the rows it was made of.
    """

    rows: int
    fingerprint: str
    stamp: Stamp


@dataclass(slots=True)
class Manifest:
    """
    The files of one exporter, by table and by path in the table's folder.
    """

    tables: dict[str, dict[str, Entry]] = field(default_factory=dict)

    def to_json(self, **told: Any) -> str:
        """
        Write it down, with what else is worth telling.
        """
        tables = {
            name: {path: asdict(entry) for path, entry in sorted(files.items())}
            for name, files in sorted(self.tables.items())
        }
        return json.dumps({"format": _FORMAT, **told, "tables": tables}, indent=1) + "\n"


def read_manifest(text: str | None) -> Manifest:
    """
    Read a manifest; one that is missing or broken is empty, and all files are made anew.

    Raises:
        LakeError: A newer version of otel-bridge wrote it.
    """
    try:
        raw = json.loads(text or "{}")
        if raw.get("format", _FORMAT) > _FORMAT:
            raise LakeError(
                "a newer version of otel-bridge exports to this lake: use that version"
            )
        return Manifest(
            {
                name: {path: _entry(entry) for path, entry in files.items()}
                for name, files in raw.get("tables", {}).items()
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Manifest()


def _entry(raw: dict[str, Any]) -> Entry:
    return Entry(raw["rows"], raw["fingerprint"], Stamp(**raw["stamp"]))
