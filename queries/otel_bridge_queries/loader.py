"""
What brings the rows of a database to the relations of the reports.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol


class Moment(Protocol):
    """
    The database as it is at one moment.
    """

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """


class Loader(Protocol):
    """
    Brings what the database holds to the relations of the reports.
    """

    def current(self, relations: Iterable[str]) -> AbstractContextManager[Moment]:
        """
        Make the named relations hold what the database holds now, all at one moment.
        """

    def hold(self, relations: Iterable[str]) -> AbstractContextManager[None]:
        """
        Let all that is made current inside be as of one moment.

        Args:
            relations: What will be made current.
        """

    def doubt(self) -> bool:
        """
        Take nothing for granted any more, since something could not be read.

        Returns:
            Whether asking again may help.
        """

    def close(self) -> None:
        """
        Let go of the database.
        """
