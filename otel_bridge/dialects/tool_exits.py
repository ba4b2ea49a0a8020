"""
The exit codes of commands, which a tool that ran one may tell in its answer alone.
"""

import re
from collections.abc import Mapping
from typing import Any

from otel_bridge.dialects import lenient

_HEAD = 2000
_IN_TEXT = re.compile(
    r"^(?:Process exited with code|Exit code:?)[ \t]+(-?\d{1,10})[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_OUTPUT = re.compile(r"^Output:[ \t]*$", re.MULTILINE)
_NAMES = ("exit_code", "exitCode")


def exit_code(answer: str | None) -> int | None:
    """
    Find the exit code in what a tool answered: in the head of a text, before the output
    itself, or beside the output in JSON.
    """
    if not answer:
        return None
    structure = lenient.structure(answer)
    if isinstance(structure, dict):
        inner = structure.get("metadata")
        return _in_map(structure) or (_in_map(inner) if isinstance(inner, Mapping) else None)
    head = answer[:_HEAD]
    output = _OUTPUT.search(head)
    told = _IN_TEXT.search(head, 0, output.start() if output else len(head))
    return int(told[1]) if told else None


def exit_code_in(data: Any) -> int | None:
    """
    Read the exit code beside a tool's answer.
    """
    structure = lenient.structure(data)
    return _in_map(structure) if isinstance(structure, dict) else None


def _in_map(data: Mapping[str, Any]) -> int | None:
    found = (data.get(name) for name in _NAMES)
    return next((c for c in found if isinstance(c, int) and not isinstance(c, bool)), None)
