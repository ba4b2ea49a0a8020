"""
JSON text to documents: one document, or one on each line as the collector's file
exporter writes them.
"""

import json
from typing import Any

from otel_bridge_storage.errors import MalformedTelemetryError

from otel_bridge.otlp.decoded import Losses, Rejected


def documents(data: bytes | str) -> tuple[list[Any], Losses]:
    """
    Parse all documents.

    Returns:
        The documents, and the lines that could not be parsed where others could.

    Raises:
        MalformedTelemetryError: The data is not JSON.
    """
    source = _text(data)
    try:
        return [_parse(source)], Losses()
    except MalformedTelemetryError:
        lines = [(n, line) for n, line in enumerate(source.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not _is_document(lines[0][1]):
            raise
    found: list[Any] = []
    rejected = Losses()
    for number, line in lines:
        try:
            found.append(_parse(line))
        except MalformedTelemetryError as error:
            rejected.append(Rejected(f"line {number}", str(error)))
    return found, rejected


def _text(data: bytes | str) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedTelemetryError(f"not JSON: byte {error.start} is not UTF-8") from error


def _parse(source: str) -> Any:
    try:
        return json.loads(source)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedTelemetryError(
            f"not JSON: {error.msg.removesuffix(' at')} at {place}"
        ) from error
    except RecursionError as error:
        raise MalformedTelemetryError("JSON is nested too deeply") from error
    except ValueError as error:
        raise MalformedTelemetryError("JSON has a number that is too long") from error


def _is_document(line: str) -> bool:
    try:
        return isinstance(_parse(line), dict)
    except MalformedTelemetryError:
        return False
