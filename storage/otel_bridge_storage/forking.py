"""
Forks that find everything at rest which must not be at work in them.
"""

import os
import weakref
from collections.abc import Iterable
from typing import Protocol


class Forkable(Protocol):
    """
    What takes part in forks; its methods are called on the thread that forks.
    """

    def before_fork(self) -> None:
        """
        Come to rest.
        """

    def after_fork_in_parent(self) -> None:
        """
        Go on.
        """

    def after_fork_in_child(self) -> None:
        """
        Begin anew.
        """


_all: "weakref.WeakSet[Forkable]" = weakref.WeakSet()
_resting: list[Forkable] = []
_registered = False


def survive_forks(one: Forkable) -> None:
    """
    Have an object's methods called around each fork for as long as it exists.
    """
    global _registered
    _all.add(one)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered = True
        os.register_at_fork(
            before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
        )


def _before() -> None:
    # The same ones are woken, whatever a garbage collector does meanwhile.
    _resting[:] = list(_all)
    for one in _resting:
        one.before_fork()


def _after_in_parent() -> None:
    for one in _taken():
        one.after_fork_in_parent()


def _after_in_child() -> None:
    for one in _taken():
        one.after_fork_in_child()


def _taken() -> Iterable[Forkable]:
    taken = list(_resting)
    _resting.clear()
    return taken
