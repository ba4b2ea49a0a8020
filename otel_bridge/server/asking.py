"""
Questions that take long, asked for scrapes beside the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable

_PATIENCE_S = 5.0


class Asking:
    """
    Asks one question at a time; whoever comes meanwhile waits for the same answer.

    Args:
        ask: Asks it, and keeps the answer.
    """

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._task: asyncio.Task[None] | None = None

    async def refresh(self, *, begin: bool = True) -> None:
        """
        Wait a while for the answer; one that takes longer is there for a later scrape.

        Args:
            begin: Whether to ask where that is not being done already.
        """
        if self._task is None and begin:
            self._task = asyncio.create_task(self._once())
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_PATIENCE_S)

    async def close(self) -> None:
        """
        Wait for the answer that is still to come.
        """
        if self._task is not None:
            await self._task

    async def _once(self) -> None:
        try:
            await self._ask()
        finally:
            self._task = None
