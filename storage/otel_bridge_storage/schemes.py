"""
Which opener is meant by the scheme of a URL.
"""

import re
from collections.abc import Callable
from os import PathLike, fspath
from typing import Generic, TypeVar

from otel_bridge_storage.errors import DatabaseError

# Two letters at least: one letter and a colon is a drive of Windows.
_SCHEME = re.compile(r"([a-z][a-z0-9.-]+(?:\+[a-z0-9.-]+)?):", re.IGNORECASE)
_OF_A_PATH = "sqlite"

Opened = TypeVar("Opened")
Opener = Callable[[str], Opened]


class SchemeRegistry(Generic[Opened]):
    """
    Finds out what opens a URL, by the URL's scheme.

    An opener is called with the whole URL, as it was given. Other packages may register
    schemes of their own.

    Args:
        what: What is opened, in the plural, for errors: "run event stores".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._openers: dict[str, Opener[Opened]] = {}

    def register(self, *schemes: str) -> Callable[[Opener[Opened]], Opener[Opened]]:
        """
        Make a decorator that registers an opener for some schemes.

        The later of two openers of one scheme counts.

        Args:
            schemes: Such as "sqlite"; one with a driver, such as "postgresql+psycopg", is
                found before the one without.
        """

        def remember(opener: Opener[Opened]) -> Opener[Opened]:
            self._openers.update((scheme.lower(), opener) for scheme in schemes)
            return opener

        return remember

    def find(self, url: str | PathLike[str]) -> Opener[Opened]:
        """
        Find the opener of a URL; a path without a scheme counts as "sqlite".

        Raises:
            DatabaseError: Nothing is registered for the scheme.
        """
        scheme = scheme_of(url)
        opener = self._openers.get(scheme) or self._openers.get(scheme.partition("+")[0])
        if opener is None:
            raise DatabaseError(
                f"no {self._what} are known for the scheme {scheme!r}: use one of "
                f"{', '.join(self.schemes)}, or write ./ before a path with a colon in it"
            )
        return opener

    def open(self, url: str | PathLike[str]) -> Opened:
        """
        Open what a URL or a path names.

        Raises:
            DatabaseError: Nothing is registered for the scheme.
        """
        return self.find(url)(fspath(url))

    @property
    def schemes(self) -> list[str]:
        """
        The registered schemes, sorted.
        """
        return sorted(self._openers)


def scheme_of(url: str | PathLike[str]) -> str:
    """
    Give the scheme of a URL in lower case, with its driver; that of a path is "sqlite".

    Raises:
        DatabaseError: It is neither a text nor a path.
    """
    if not isinstance(url, str | PathLike):
        raise DatabaseError(f"{url!r} is no URL: give a text or a path")
    found = _SCHEME.match(url) if isinstance(url, str) else None
    return found[1].lower() if found else _OF_A_PATH
