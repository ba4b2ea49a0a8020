"""
Rows of the tables as callers get them, and what is written as rows write it.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from otel_bridge_storage.labels import comparable, short
from otel_bridge_storage.moments import moment
from otel_bridge_storage.threads import ttl
from otel_bridge_storage.threads.protocol import RunRow, ThreadRow


def thread_row(stored: Mapping[str, Any], now_ns: int) -> ThreadRow:
    """
    Give a row of `threads` as a caller gets it.
    """
    changed_ns = stored["state_updated_ns"]
    return {
        "thread_id": stored["thread_id"],
        "created_at": moment(stored["created_ns"]),
        "updated_at": moment(stored["updated_ns"]),
        "state_updated_at": moment(changed_ns) if changed_ns else None,
        "metadata": json.loads(stored["metadata"]),
        "config": json.loads(stored["config"]),
        "status": stored["status"],
        "ttl": _ttl(stored, now_ns),
    }


def run_row(stored: Mapping[str, Any]) -> RunRow:
    """
    Give a row of `thread_runs` as a caller gets it.
    """
    return {
        "run_id": stored["run_id"],
        "thread_id": stored["thread_id"],
        "assistant_id": stored["assistant_id"],
        "created_at": moment(stored["created_ns"]),
        "updated_at": moment(stored["updated_ns"]),
        "status": cast("Any", stored["status"]),
        "metadata": json.loads(stored["metadata"]),
        "kwargs": json.loads(stored["kwargs"]),
        "multitask_strategy": stored["multitask_strategy"],
        "error": stored["error"],
    }


def written(value: Mapping[str, Any]) -> str:
    """
    Write a checked map as the text that is stored.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def labels(thread_id: str, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Give the rows of `thread_labels` that a thread's metadata makes.
    """
    return [
        {"thread_id": thread_id, "name": short(name), "value": comparable(value)}
        for name, value in metadata.items()
    ]


def _ttl(stored: Mapping[str, Any], now_ns: int) -> dict[str, Any] | None:
    strategy, length_ns = stored["ttl_strategy"], stored["ttl_ns"]
    if length_ns is None:
        return None
    expires_ns = stored["expires_ns"]
    if strategy == ttl.KEEP_LATEST:
        expires_ns = ttl.renewed(expires_ns, length_ns, now_ns)
    return ttl.shown(strategy, length_ns, expires_ns)
