"""
`otel-bridge import`: store OTLP traces and logs from files.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Pricer
from otel_bridge_storage.records import Arrival
from sqlalchemy.exc import DBAPIError

from otel_bridge.cli.output import note, write_line
from otel_bridge.cli.progress import progress
from otel_bridge.dialects import Dialects
from otel_bridge.otlp import FileContents, read_telemetry
from otel_bridge.pricing import prices_of

_BATCH = 2_000
_REASONS_SHOWN = 20


def import_files(*, db: str, paths: Sequence[Path], prices: Path | None = None) -> int:
    """
    Store what can be read and print what was stored.

    Returns:
        0; 1 if a file that was named could not be used, or nothing could be read. A
        record that is not valid is named on standard error and costs nothing else.
    """
    tally = store_files(db, paths, prices)
    for reason in tally.reasons[:_REASONS_SHOWN]:
        note(reason)
    if len(tally.reasons) > _REASONS_SHOWN:
        note(f"and {len(tally.reasons) - _REASONS_SHOWN} more of this kind")
    if not tally.files:
        note("otel-bridge: nothing was imported: no OTLP file was found")
        return 1
    write_line(tally.summary())
    return 1 if tally.unusable else 0


@dataclass(slots=True)
class Tally:
    """
    What an import did.

    Attributes:
        files: How many files held telemetry.
        unusable: How many of the files that were named could not be used.
        reasons: One line for each thing that was not stored.
    """

    files: int = 0
    spans: int = 0
    logs: int = 0
    duplicates: int = 0
    rejected: int = 0
    metrics: int = 0
    unusable: int = 0
    reasons: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """
        Say on one line what was stored.
        """
        files = f"{self.files} {'file' if self.files == 1 else 'files'}"
        skipped = f", {self.metrics:,} metrics passed over" if self.metrics else ""
        lost = f"{self.rejected:,} rejected" + (" and not stored" if self.rejected else "")
        return (
            f"stored {self.spans:,} spans and {self.logs:,} log records from {files}: "
            f"{self.duplicates:,} duplicates, {lost}{skipped}"
        )

    def take(self, contents: FileContents, *, named: bool) -> bool:
        """
        Count what a file holds, and tell whether it is of use.
        """
        self.rejected += sum(item.count for item in contents.rejected)
        self.metrics += contents.metrics_skipped
        self.reasons += [f"{contents.path}: {item}" for item in contents.rejected]
        self.reasons += [line for line in (contents.problem, contents.note) if line]
        if contents.problem:
            self.unusable += named
        usable = not (contents.problem or contents.note)
        self.files += usable
        return usable


def store_files(db: str, paths: Sequence[Path], prices: Path | None = None) -> Tally:
    """
    Read files and folders into a database, which is made once there is something for it.

    Args:
        prices: A file of prices of one's own; by default `$OTEL_BRIDGE_PRICES`, if set.
    """
    tally = Tally()
    pricer = prices_of(prices)
    named = {path for path in paths if not path.is_dir()}
    with ExitStack() as stack:
        total = len(paths) if len(named) == len(paths) else None
        done = stack.enter_context(progress("files", total))
        ingestor: Ingestor | None = None
        for contents in read_telemetry(paths):
            if tally.take(contents, named=contents.path in named):
                ingestor = ingestor or stack.enter_context(_ingestor(db, pricer))
                _store(ingestor, [*contents.spans, *contents.logs], tally)
            done(1)
    return tally


@contextmanager
def _ingestor(db: str, pricer: Pricer) -> Iterator[Ingestor]:
    with open_database(db) as database:
        yield Ingestor(database, reader=Dialects(), pricer=pricer)


def _store(ingestor: Ingestor, records: Sequence[Arrival], tally: Tally) -> None:
    for start in range(0, len(records), _BATCH):
        try:
            applied = ingestor.apply(records[start : start + _BATCH])
        except DBAPIError as exc:
            raise DatabaseError(f"the database refused the import: {exc.orig}") from exc
        tally.spans += applied.spans
        tally.logs += applied.logs
        tally.duplicates += applied.duplicates
