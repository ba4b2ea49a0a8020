"""
Whether the server lives, and whether it can take requests.
"""

import asyncio
import time
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from otel_bridge.receiver.refusals import Refusal
from otel_bridge.receiver.stream import IngestStream

_PROOF_S = 5.0
_PATIENCE_S = 2.0


class Health:
    """
    Answers whoever watches over the server; open to all, and says nothing secret.
    """

    def __init__(self, stream: IngestStream) -> None:
        self._stream = stream
        self._proved_at = float("-inf")

    def routes(self) -> list[Route]:
        """
        Give the two routes.
        """
        return [
            Route("/healthz", self._healthz, methods=["GET"]),
            Route("/readyz", self._readyz, methods=["GET"]),
        ]

    async def _healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        reasons = await self._reasons()
        if not reasons:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready", "reasons": reasons}, status_code=503)

    async def _reasons(self) -> list[str]:
        if self._stream.draining:
            return ["the server is stopping"]
        reasons = []
        if not await self._writes():
            reasons.append("the database cannot be written")
        if self._stream.budget.full:
            reasons.append("too many requests are in hand")
        return reasons

    async def _writes(self) -> bool:
        """
        Whether the database can be written, tried anew every few seconds.

        A writer that is busy for longer than a check may wait is believed.
        """
        now = time.monotonic()
        if not self._stream.works or now - self._proved_at > _PROOF_S:
            self._proved_at = now
            with suppress(TimeoutError, Refusal):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._stream.probe()
        return self._stream.works
