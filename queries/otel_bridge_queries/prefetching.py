"""
Making the next item while the one before is used.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetched(items: Iterable[T]) -> Iterator[T]:
    """
    Give the same items, each made on another thread while the one before is used.

    SQLite and DuckDB both let go of the interpreter while they work, so that rows are
    read from the one while the other takes in those before.
    """
    source = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1, thread_name_prefix="otel-bridge-prefetch") as pool:
        coming = pool.submit(next, source, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, source, nothing)
            yield item  # type: ignore[misc]
