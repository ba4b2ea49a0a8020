"""
Where exported telemetry goes: standard output, one file, or files of a folder.
"""

import gzip
import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from otel_bridge.otlp.write import FileFormat, TelemetryWriter

PART_BYTES = 128 * 1024 * 1024
"""
How much goes into one file of a folder, before compression.
"""

_SUFFIXES = {FileFormat.JSON: "jsonl", FileFormat.PROTO: "pb"}


class Output:
    """
    Opens what telemetry is written to.

    A file appears, or takes the place of another, when all of it is written. In a folder
    there are numbered files, none of which is too large to be imported.

    Args:
        target: A file, a folder that exists, or None for standard output.
        form: JSON or protobuf.
        part_bytes: How much goes into one file of a folder, in bytes.
    """

    def __init__(
        self, target: Path | None, form: FileFormat, *, part_bytes: int = PART_BYTES
    ) -> None:
        self._target = target
        self._form = form
        self._part_bytes = part_bytes
        self._stack = ExitStack()
        self._writer: TelemetryWriter | None = None
        self._unfinished: list[tuple[Path, Path]] = []
        self.files: list[Path] = []
        self.largest = 0

    @property
    def writer(self) -> TelemetryWriter:
        """
        What the next request is to be written with.
        """
        is_folder = self._target is not None and self._target.is_dir()
        if self._writer is None or (is_folder and self._writer.size >= self._part_bytes):
            self._close_part()
            self._writer = TelemetryWriter(self._open(), self._form)
        return self._writer

    def _open(self) -> BinaryIO:
        if self._target is None:
            return cast(BinaryIO, sys.stdout.buffer)
        path = self._target
        if path.is_dir():
            path /= f"otlp-{len(self.files) + 1:04}.{_SUFFIXES[self._form]}"
        self.files.append(path)
        if path.exists() and not path.is_file():
            file = self._stack.enter_context(path.open("wb"))
        else:
            temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
            self._unfinished.append((temporary, path))
            file = self._stack.enter_context(temporary.open("wb"))
        if path.suffix == ".gz":
            return cast(
                BinaryIO, self._stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
            )
        return file

    def _close_part(self) -> None:
        self._stack.close()
        if self._writer is not None:
            self.largest = max(self.largest, self._writer.size)
        for temporary, path in self._unfinished:
            temporary.replace(path)
        self._unfinished.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            _ = self.writer
            self._close_part()
            return
        self._stack.close()
        for temporary, _ in self._unfinished:
            with suppress(OSError):
                temporary.unlink()
