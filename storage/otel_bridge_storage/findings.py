"""
What a check of a database finds.
"""

from dataclasses import dataclass

SAVE = (
    "save what can be read with `otel-bridge export FOLDER --db {0}`, and import it into a new "
    "database"
)
REBUILD = "run `otel-bridge rebuild --db {0}`"
RESTORE = "restore a copy of it, or name another file"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that is not as it should be.

    Attributes:
        what: What is wrong.
        where: The table, or `file`.
        count: How many rows or places it concerns.
        remedy: What to do about it.
    """

    what: str
    where: str
    count: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.count:,}): {self.remedy}"
