"""
Being told of the end of processes that run no exit handlers.
"""

import sys
import weakref
from types import MethodType


def close_at_end_of_child(close: MethodType, *, priority: int) -> None:
    """
    Have something closed when this process ends, if multiprocessing started it: such a
    process runs no exit handlers.

    Args:
        close: A bound method of what is to be closed, which is not kept alive for that.
        priority: What has a higher one is closed earlier.
    """
    process, util = map(sys.modules.get, ("multiprocessing.process", "multiprocessing.util"))
    if process is None or util is None or process.parent_process() is None:
        return
    known = weakref.WeakMethod(close)

    def close_known() -> None:
        method = known()
        if method is not None:
            method()

    util.Finalize(close.__self__, close_known, exitpriority=priority)


def close_at_end_of_fork(close: MethodType, *, priority: int) -> None:
    """
    Have something closed when this child ends, called right after the fork: whether
    multiprocessing made it is known only later.

    Args:
        close: As for `close_at_end_of_child`.
        priority: As there.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        name = close.__name__
        util.register_after_fork(
            close.__self__,
            lambda it: close_at_end_of_child(getattr(it, name), priority=priority),
        )
