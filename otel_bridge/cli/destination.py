"""
Where rows go: standard output, or a file that appears when it is whole.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from otel_bridge_queries import Result
from otel_bridge_storage.errors import OtelBridgeError

from otel_bridge.cli.formats import BINARY, Format

_STANDARD_OUTPUT = Path("-")


@contextmanager
def written_to(output: Path | None, form: Format) -> Iterator[None]:
    """
    Write what is printed inside to a file.

    A file that is there is replaced at the end, or stays as it is if something fails.

    Args:
        output: The file; None or `-` for standard output.
        form: What will be printed.

    Raises:
        OtelBridgeError: Bytes would be written to a terminal.
    """
    if output is None or output == _STANDARD_OUTPUT:
        if form in BINARY and sys.stdout.isatty():
            raise OtelBridgeError(
                f"{form.value} is not for a terminal: name a file with --output, or send it on"
            )
        yield
        return
    if not output.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(output.parent))
    # What is no regular file, such as a device, can be written and must not be replaced.
    special = output.exists() and not output.is_file()
    target = output if special else output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with target.open("w", encoding="utf-8", newline="\n") as file, redirect_stdout(file):
            yield
        if target != output:
            target.replace(output)
    finally:
        if target != output:
            target.unlink(missing_ok=True)


def write_binary(result: Result, form: Format) -> None:
    """
    Write the rows as Parquet, or as an Arrow IPC stream.

    Raises:
        NotInstalledError: pyarrow is not installed, and the form is Arrow.
    """
    content = _parquet(result) if form is Format.PARQUET else _arrow(result)
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _parquet(result: Result) -> bytes:
    import tempfile

    # Parquet is written from its beginning and its end, which a pipe cannot be.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        result.parquet(path)
        return path.read_bytes()


def _arrow(result: Result) -> bytes:
    table = result.arrow()
    import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
