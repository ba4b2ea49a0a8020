"""
What became of the items that a queue was offered.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueStats:
    """
    What became of the items offered so far.

    Attributes:
        offered: All of them.
        written: Durably written.
        refused: Not taken, since the queue stayed full.
        failed: Taken and given up.
        waiting: Taken and not written yet.
    """

    offered: int = 0
    written: int = 0
    refused: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def lost(self) -> int:
        """
        Items that will not be written.
        """
        return self.refused + self.failed
