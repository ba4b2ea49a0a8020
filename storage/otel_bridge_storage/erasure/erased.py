"""
What an erasure came to.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """
    How many rows of each kind are gone.

    Attributes:
        runs: Runs, those below others included.
        texts: Messages and other long texts that nothing refers to any more.
        held_runs: Runs that were asked for and are still there: a legal hold keeps them,
            or another run of their family.
    """

    runs: int = 0
    spans: int = 0
    logs: int = 0
    texts: int = 0
    held_runs: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )
