"""
What the database says of each capture, beside what truly happened.

Run it to print the tables of docs/dialects.md: `python tests/capture_truth.py`.
"""

import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captures
from stored import rows, store

from otel_bridge.dialects.registry import built_in

LACKING = Path(__file__).parent / "data" / "captures" / "lacking.toml"

FIELDS = (
    "calls",
    "errors",
    "request models",
    "response models",
    "input",
    "cache read",
    "cache write",
    "output",
    "reasoning",
    "cost",
    "tools",
    "tool errors",
    "agents",
    "sessions",
    "users",
    "runs",
    "answer",
)
_MOST_SHOWN = 5
_TOKENS = {
    "input": "input_total_incl_cache",
    "cache read": "cache_read",
    "cache write": "cache_write",
    "output": "output_incl_reasoning",
    "reasoning": "reasoning",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    One field of one capture.

    Attributes:
        stored: What the database says.
        truth: What happened; None where the recording does not tell.
    """

    field: str
    stored: Any
    truth: Any

    @property
    def equal(self) -> bool:
        """
        Whether the database is right.
        """
        return bool(self.stored == self.truth)


def lacking() -> Mapping[str, Mapping[str, str]]:
    """
    Say what the telemetry of each capture lacks, and why, by field.
    """
    loaded: Mapping[str, Mapping[str, str]] = tomllib.loads(LACKING.read_text("utf-8"))
    return loaded


def compare(name: str, path: Path) -> list[Comparison]:
    """
    Compare what a database, which holds nothing but a capture, says with what happened.
    """
    truth = _truth(captures.expected(name))
    stored = _stored(path)
    if truth["sessions"] == "one":
        stored["sessions"] = "one" if len(stored["sessions"]) == 1 else stored["sessions"]
        truth["users"] = stored["users"]
    if not truth["tools told"]:
        truth["tools"], truth["tool errors"] = [], 0
    if truth["answer"]:
        stored["answer"] = truth["answer"] if truth["answer"] in stored["said"] else None
    else:
        stored["answer"] = None
    if captures.expected(name)["reference_cost_usd"] is None:
        truth["cost"] = stored["cost"]
    return [Comparison(field, stored[field], truth[field]) for field in FIELDS]


def _truth(told: Mapping[str, Any]) -> dict[str, Any]:
    tokens = told["tokens"] if told["usage_returned_by_provider"] else None
    failed = bool(told["llm_errors"])
    agents = told["agents"] or ([told["agent_name"]] if told["agent_name"] else [])
    sessions = told["sessions"] or ([told["session_id"]] if told["session_id"] else [])
    if "exactly one session" in (told.get("note") or ""):
        sessions = "one"
    reference = told["reference_cost_usd"] if tokens and not failed else None
    return {
        "calls": told["llm_calls"],
        "errors": told["llm_errors"],
        "request models": sorted(told["models_requested"]),
        "response models": sorted(told["models_responded"]),
        **{name: (tokens[key] or 0) if tokens else 0 for name, key in _TOKENS.items()},
        "cost": None if reference is None else round(reference * 10**12),
        "tools": sorted(tool["name"] for tool in told["tools_executed"]),
        "tool errors": told["tool_errors"],
        "tools told": told["tool_spans_expected"],
        "agents": sorted(agents),
        "sessions": sessions if sessions == "one" else sorted(sessions),
        "users": [told["user_id"]] if told["user_id"] else [],
        "runs": told["runs"],
        "answer": told["final_answer"] or None,
    }


def _stored(path: Path) -> dict[str, Any]:
    calls = " FROM llm_calls WHERE counted = 1"
    tools = " FROM tool_calls WHERE counted = 1"
    ((count, errors, given, read, written, answered, reasoned, cost),) = rows(
        path,
        "SELECT count(*), ifnull(sum(status = 'error'), 0), sum(input_tokens),"
        " sum(cache_read_tokens), sum(cache_write_tokens), sum(output_tokens),"
        " sum(reasoning_tokens), sum(cost_picousd)" + calls,
    )
    ((failed,),) = rows(path, "SELECT count(*)" + tools + " AND status = 'error'")
    return {
        "calls": count,
        "errors": errors,
        "request models": _distinct(path, "request_model" + calls),
        "response models": _distinct(path, "response_model" + calls),
        "input": given or 0,
        "cache read": read or 0,
        "cache write": written or 0,
        "output": answered or 0,
        "reasoning": reasoned or 0,
        "cost": cost,
        "tools": sorted(name for (name,) in rows(path, "SELECT tool_name" + tools)),
        "tool errors": failed,
        "agents": _distinct(path, "agent_name FROM runs WHERE span_id IS NOT NULL"),
        "sessions": _distinct(path, "session_id FROM runs"),
        "users": _distinct(path, "user_id FROM runs"),
        "runs": rows(path, "SELECT count(*) FROM runs WHERE delegation_level = 0")[0][0],
        "said": "\n".join(
            body
            for (body,) in rows(
                path, "SELECT m.body FROM steps s JOIN messages m ON m.id = s.message"
            )
        ),
    }


def _distinct(path: Path, what: str) -> list[str]:
    return sorted({value for (value,) in rows(path, f"SELECT {what}") if value})


def compare_all() -> dict[str, list[Comparison]]:
    """
    Store each capture in a database of its own, and compare.
    """
    compared = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in captures.names():
            path = Path(folder) / f"{name}.db"
            store(path, [captures.arrivals(name)])
            compared[name] = compare(name, path)
    return compared


def known() -> str:
    """
    Write the table of the dialects, in the order in which they are tried.
    """
    lines = ["| dialect | read | scopes that begin with | attributes |", "|---|---|---|---|"]
    for dialect in built_in():
        about = " ".join((type(dialect).__doc__ or "").split())
        scopes, attributes = _some(dialect.scopes), _some(dialect.attributes)
        lines.append(f"| `{dialect.name}` | {about} | {scopes} | {attributes} |")
    return "\n".join(lines)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_SHOWN])
    more = len(names) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "–"


def tables(compared: Mapping[str, Sequence[Comparison]]) -> str:
    """
    Write a line for each capture and a column for each field, and what is lacking.
    """
    lacks = lacking()
    lines = [f"| recording | {' | '.join(FIELDS)} |", "|---" * (len(FIELDS) + 1) + "|"]
    for name, fields in sorted(compared.items()):
        cells = [_cell(each, each.field in lacks.get(name, {})) for each in fields]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", "### What is lacking, and why", ""]
    lines += ["| recording | field: stored, true | why |", "|---|---|---|"]
    for name in sorted(lacks):
        told = {each.field: each for each in compared[name]}
        by_reason: dict[str, list[str]] = {}
        for field in sorted(lacks[name], key=FIELDS.index):
            by_reason.setdefault(lacks[name][field], []).append(_difference(told[field]))
        lines += [f"| `{name}` | {'; '.join(all_)} | {why} |" for why, all_ in by_reason.items()]
    return "\n".join(lines) + "\n"


def _difference(each: Comparison) -> str:
    stored, true = (_shown(each.field, value) for value in (each.stored, each.truth))
    return f"{each.field}: {stored}, {true}"


def _cell(each: Comparison, is_lacking: bool) -> str:
    if is_lacking:
        return "lacks"
    return "–" if each.truth in (None, [], 0) else "✓"


def _shown(field: str, value: Any) -> str:
    if value in (None, [], "") or (field in _TOKENS and not value):
        return "nothing"
    if field == "cost":
        return f"${value / 10**12:.7f}"
    if field == "answer":
        return "one"
    return " and ".join(value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.stdout.write(known() + "\n\n" + tables(compare_all()))
