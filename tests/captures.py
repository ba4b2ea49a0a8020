"""
The captures: what real instrumentations sent, and what truly happened.
"""

import json
from pathlib import Path
from typing import Any

from otel_bridge_storage.records import Arrival

from otel_bridge.otlp.decode import decode_logs, decode_traces
from otel_bridge.otlp.json_decode import decode_logs_json, decode_traces_json

CAPTURES = Path(__file__).parent / "data" / "captures"


def names() -> list[str]:
    """
    List the captures.
    """
    return sorted(path.name for path in CAPTURES.iterdir() if path.is_dir())


def files(name: str, kind: str, suffix: str) -> list[Path]:
    """
    List the files of one capture.

    Args:
        kind: `traces` or `logs`.
        suffix: `pb` or `json`.
    """
    return sorted((CAPTURES / name).glob(f"{kind}-*.{suffix}"))


def expected(name: str) -> dict[str, Any]:
    """
    Tell what truly happened in one capture.
    """
    loaded: dict[str, Any] = json.loads((CAPTURES / name / "expected.json").read_text("utf-8"))
    return loaded


def arrivals(name: str, suffix: str = "pb") -> list[Arrival]:
    """
    Read all spans and logs of a capture, from protobuf or from OTLP JSON.
    """
    binary = suffix == "pb"
    traces, logs = files(name, "traces", suffix), files(name, "logs", suffix)
    read: list[Arrival] = []
    for path in traces:
        data = path.read_bytes()
        read += (decode_traces(data) if binary else decode_traces_json(data)).records
    for path in logs:
        data = path.read_bytes()
        read += (decode_logs(data) if binary else decode_logs_json(data)).records
    return read
