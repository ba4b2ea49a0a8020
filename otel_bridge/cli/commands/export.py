"""
`otel-bridge export`: spans and logs as OTLP, also from a database that is damaged.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import typer
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.moments import nanoseconds
from otel_bridge_storage.selection import Selection, runs_with_those_below
from otel_bridge_storage.stored_telemetry import StoredTelemetry
from otel_bridge_storage.tolerant_reading import tolerant_reading
from sqlalchemy import Connection

from otel_bridge.cli.output import note, write_line
from otel_bridge.cli.progress import progress
from otel_bridge.dialects import Dialects
from otel_bridge.otlp.files import MAX_BYTES
from otel_bridge.otlp.outputs import Output
from otel_bridge.otlp.write import FileFormat

_PROTO_SUFFIXES = (".pb", ".bin")
_NAMES = {
    "spans": ("span", "spans"),
    "logs": ("log record", "log records"),
    "messages": ("text", "texts"),
    "run_log": ("fact", "facts"),
    "resources": ("resource", "resources"),
    "scopes": ("scope", "scopes"),
}


def export(
    *,
    db: str,
    out: str,
    form: str | None = None,
    runs: Sequence[str] = (),
    session: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    with_logs: bool = True,
) -> int:
    """
    Write what can be read, and say how much that was.

    Args:
        out: A file, a folder that exists, or `-` for standard output.
        form: `otlp-json` or `otlp-proto`; None to go by the name of the file.

    Returns:
        0; 1 if something could not be read.

    Raises:
        typer.BadParameter: There is no such run, or the output is the database.
    """
    target = None if out == "-" else Path(out)
    _check_output(db, target)
    with tolerant_reading(db) as connection:
        try:
            wanted = Selection(
                runs=runs_with_those_below(connection, runs) if runs else None,
                session_id=session,
                since_ns=None if since is None else nanoseconds(since, "since"),
                until_ns=None if until is None else nanoseconds(until, "until"),
            )
        except QueryError as error:
            raise typer.BadParameter(str(error)) from error
        with Output(target, FileFormat(form) if form else _form_of(out)) as output:
            tally = _write(connection, wanted, output, with_logs=with_logs)
    _tell(tally, target, output)
    return 1 if tally.lost else 0


@dataclass(slots=True)
class _Tally:
    spans: int = 0
    logs: int = 0
    lost: Counter[str] = field(default_factory=Counter)


def _write(
    connection: Connection, wanted: Selection, output: Output, *, with_logs: bool
) -> _Tally:
    stored = StoredTelemetry(connection, Dialects(), wanted)
    tally = _Tally(lost=stored.lost)
    with progress("spans", None) as done:
        for spans in stored.spans():
            output.writer.write_spans(spans)
            tally.spans += len(spans)
            done(len(spans))
    if with_logs:
        with progress("log records", None) as done:
            for logs in stored.logs():
                output.writer.write_logs(logs)
                tally.logs += len(logs)
                done(len(logs))
    return tally


def _tell(tally: _Tally, target: Path | None, output: Output) -> None:
    where = "standard output" if target is None else str(target)
    line = f"wrote {tally.spans:,} spans and {tally.logs:,} log records to {where}"
    say = note if target is None else write_line
    say(f"{line}: everything was read" if not tally.lost else line)
    if tally.lost:
        lost = ", ".join(_counted(name, count) for name, count in sorted(tally.lost.items()))
        note(
            f"otel-bridge: could not be read: {lost}; the database is damaged, "
            "import what was saved into a new one"
        )
    if target is not None and not target.is_dir() and output.largest > MAX_BYTES:
        note(
            "otel-bridge: this file is larger than what `otel-bridge import` reads: "
            "export into a folder to get several files"
        )


def _counted(table: str, count: int) -> str:
    one, many = _NAMES.get(table, (table, table))
    return f"{count:,} {one if count == 1 else many}"


def _form_of(out: str) -> FileFormat:
    name = out.lower().removesuffix(".gz")
    return FileFormat.PROTO if name.endswith(_PROTO_SUFFIXES) else FileFormat.JSON


def _check_output(db: str, target: Path | None) -> None:
    """
    Refuse to write over the database.
    """
    path = address_of(db).path
    if path is None or target is None:
        return
    own = {Path(f"{path}{suffix}").absolute() for suffix in ("", "-wal", "-shm")}
    if target.absolute() in own or (target.exists() and path.exists() and target.samefile(path)):
        raise typer.BadParameter(f"{target} is the database itself: name another file")
