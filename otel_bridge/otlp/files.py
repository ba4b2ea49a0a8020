"""
Telemetry in files: OTLP protobuf or JSON, plain or gzip, told apart by content.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from otel_bridge_storage.errors import MalformedTelemetryError
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.otlp.decoded import Rejected
from otel_bridge.otlp.sniff import NotTelemetryError, Telemetry, read_bytes

MAX_BYTES = 256 * 1024 * 1024
"""
The largest file that is read, after decompression.
"""

_SUFFIXES = (".pb", ".bin", ".json", ".jsonl")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContents:
    """
    What one file held.

    Attributes:
        metrics_skipped: How many metrics it held, which are not read.
        rejected: Spans and log records that could not be decoded.
        problem: Why the file could not be read, in one line with its path.
        note: Why the file was passed over, in one line with its path.
    """

    path: Path
    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    metrics_skipped: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    problem: str | None = None
    note: str | None = None


def read_telemetry(
    paths: Iterable[str | os.PathLike[str]], *, max_bytes: int = MAX_BYTES
) -> Iterator[FileContents]:
    """
    Read files, and folders with all their subfolders.

    In a folder only files that end in .pb, .bin, .json or .jsonl, or one of these and
    .gz, are read, in the order of their paths; JSON that is no telemetry is passed over
    with a note. In a file that was named it is a problem.

    Args:
        max_bytes: A file that is larger, after decompression, is a problem.
    """
    for given in paths:
        path = Path(given)
        if path.is_dir():
            unreadable: list[OSError] = []
            inside = _files(path, unreadable.append)
            for error in unreadable:
                folder = Path(error.filename or path)
                yield FileContents(path=folder, problem=f"{folder}: {error.strerror or error}")
            for inner in inside:
                yield _read(inner, max_bytes, named=False)
        else:
            yield _read(path, max_bytes, named=True)


def _files(folder: Path, failed: Callable[[OSError], None]) -> list[Path]:
    found: list[Path] = []
    for root, _, names in os.walk(folder, onerror=failed):
        wanted = (n for n in names if n.lower().removesuffix(".gz").endswith(_SUFFIXES))
        found.extend(Path(root, name) for name in wanted)
    return sorted(found)


def _read(path: Path, max_bytes: int, *, named: bool) -> FileContents:
    try:
        found = read_bytes(_content(path, max_bytes), path.name)
    except NotTelemetryError as error:
        line = f"{path}: {error}"
        return FileContents(
            path=path, problem=line if named else None, note=None if named else line
        )
    except MalformedTelemetryError as error:
        return FileContents(path=path, problem=f"{path}: {error}")
    except OSError as error:
        return FileContents(path=path, problem=f"{path}: {error.strerror or error}")
    return _contents(path, found)


def _contents(path: Path, found: Telemetry) -> FileContents:
    return FileContents(
        path=path,
        spans=found.spans,
        logs=found.logs,
        metrics_skipped=found.metrics,
        rejected=found.rejected,
    )


def _content(path: Path, max_bytes: int) -> bytes:
    """
    Raises:
        MalformedTelemetryError: The file is too large or its compression is broken.
        OSError: The file cannot be read.
    """
    with path.open("rb") as plain:
        data = plain.read(max_bytes + 1)
    if data.startswith(_GZIP_MAGIC):
        try:
            with gzip.open(path, "rb") as packed:
                data = packed.read(max_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise MalformedTelemetryError(f"the gzip data is broken: {error}") from error
    if len(data) > max_bytes:
        raise MalformedTelemetryError(f"it is larger than {max_bytes} bytes; split it")
    return data
