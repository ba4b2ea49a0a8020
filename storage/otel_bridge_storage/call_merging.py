"""
Joining what several spans say of one call, of which the first is believed first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_storage.call_spans import CallSpan, end_of, is_log_told, start_of

_KEPT = frozenset(
    {
        "counted",
        "not_counted_because",
        "precedence",
        "scope",
        "dialect",
        "echo",
        "home",
        "operation",
        "outer_call",
        "span",
    }
)
_EMPTY_LISTS = frozenset({"finish_reasons", "input_messages", "output_messages"})
_MODEL = ("request_model", "response_model")
_CONVERSATION = ("input_messages", "output_messages")


def hand_down(whole: Mapping[str, Any], calls: Sequence[tuple[CallSpan, dict[str, Any]]]) -> None:
    """
    Let calls that name no model have that of the sum they are in, and the last of them its
    conversation, if none tells any.
    """
    for _, columns in calls:
        if not any(columns[name] for name in _MODEL):
            told = {name: whole[name] for name in ("provider", *_MODEL)}
            columns.update({name: value for name, value in told.items() if value is not None})
    if all(columns[name] == "[]" for _, columns in calls for name in _CONVERSATION):
        _, last = max(calls, key=lambda call: start_of(call[0]))
        last.update({name: whole[name] for name in _CONVERSATION})


def merge(ordered: Sequence[CallSpan]) -> Mapping[str, Any]:
    """
    Join what the spans of one call say, the first before the others.
    """
    best = ordered[0]
    if len(ordered) == 1:
        return best.columns
    merged = dict(best.columns)
    for column, value in best.columns.items():
        if column in _KEPT or _says(column, value):
            continue
        for other in ordered[1:]:
            if _says(column, other.columns[column]):
                merged[column] = other.columns[column]
                break
    # Of those that know their run equally well the first is believed.
    merged["run_id"] = max(ordered, key=lambda m: m.grounds).columns["run_id"]
    ended = next((m.columns for m in ordered if m.columns["status"] != "running"), None)
    if ended is not None and best.columns["status"] == "running":
        merged["status"], merged["end_ns"] = ended["status"], ended["end_ns"]
    _merge_times(merged, ordered)
    _hear_logs(merged, [m.columns for m in ordered if is_log_told(m.columns)])
    if merged["status"] != "error":
        merged["error_type"] = merged["error_message"] = None
    return merged


def _hear_logs(merged: dict[str, Any], logged: Sequence[Mapping[str, Any]]) -> None:
    """
    Let a call last until its log record was made, and fail as that says if nothing came back.
    """
    ends = [each["end_ns"] for each in logged if each["end_ns"] is not None]
    if ends and merged["end_ns"] is not None:
        merged["end_ns"] = max(merged["end_ns"], *ends)
    failed = [each for each in logged if each["status"] == "error"]
    if failed and merged["status"] == "ok" and merged.get("output_tokens", 0) is None:
        _fail_like(merged, failed[0])


def _merge_times(merged: dict[str, Any], ordered: Sequence[CallSpan]) -> None:
    """
    Join the stretches of a call that was told in pieces, and let an end end it.
    """
    if merged.get("call_id"):
        same = [m.columns for m in ordered if m.columns["call_id"] == merged["call_id"]]
        span_times(merged, same)


def span_times(merged: dict[str, Any], pieces: Sequence[Mapping[str, Any]]) -> None:
    """
    Let a call that was told in pieces last from the first to the last of them.
    """
    if len(pieces) > 1:
        merged["start_ns"] = min(p["start_ns"] for p in pieces)
        ends = [p["end_ns"] for p in pieces if p["end_ns"] is not None]
        merged["end_ns"] = max(ends) if ends else None
        statuses = {p["status"] for p in pieces}
        merged["status"] = next(s for s in ("error", "ok", "running") if s in statuses)


def let_fail(merged: dict[str, Any], inner: Sequence[Mapping[str, Any]]) -> None:
    """
    Let an execution fail if what was done last inside it failed.
    """
    last = max(inner, key=end_of) if inner else None
    if last is not None and (merged["status"], last["status"]) == ("ok", "error"):
        _fail_like(merged, last)


def tell_why(merged: dict[str, Any], copies: Sequence[Mapping[str, Any]]) -> None:
    """
    Let a failure that says nothing say what a copy says of it.
    """
    if merged["status"] == "error" and merged["error_type"] is None:
        said = [each for each in copies if each["status"] == "error" and each["error_type"]]
        if said:
            _fail_like(merged, said[0])


def _fail_like(merged: dict[str, Any], failed: Mapping[str, Any]) -> None:
    merged.update({name: failed[name] for name in ("status", "error_type", "error_message")})


def _says(column: str, value: Any) -> bool:
    return value is not None and not (column in _EMPTY_LISTS and value == "[]")
