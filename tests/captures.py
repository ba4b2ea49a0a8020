"""
The captures: what real instrumentations sent, and what truly happened.
"""

import json
from pathlib import Path
from typing import Any

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
