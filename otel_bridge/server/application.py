"""
The HTTP application: all routes, and answers to what has none.
"""

from collections.abc import Sequence

from otel_bridge_storage.rare_warnings import RareWarnings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from otel_bridge.receiver.http import refusal_response
from otel_bridge.receiver.refusals import Refusal, Why

_LONGEST_PATH = 100
_CORS_HEADERS = ("Authorization", "Content-Encoding", "Content-Type")


def application(
    routes: Sequence[BaseRoute], cors_origins: Sequence[str], *, complain: RareWarnings
) -> Starlette:
    """
    Make the application.

    Args:
        cors_origins: Web sites whose pages may use it; `*` for all.
        complain: Logs once in a while what was sent to no known path.
    """

    async def no_route(request: Request, error: Exception) -> Response:
        refusal = _without_route(error)
        if request.method == "POST" and refusal.why is Why.NOT_FOUND:
            complain.warn(
                Why.NOT_FOUND.name,
                "otel-bridge has nothing at %s over HTTP (404), and something is sent there; "
                "OTLP is taken at /v1/traces, /v1/logs and /v1/metrics",
                request.url.path[:_LONGEST_PATH],
            )
        return refusal_response(refusal)

    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(cors_origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(_CORS_HEADERS),
        expose_headers=["Retry-After"],
    )
    return Starlette(
        routes=list(routes),
        middleware=[cors] if cors_origins else [],
        exception_handlers={HTTPException: no_route, Refusal: _refused},
    )


def _without_route(error: Exception) -> Refusal:
    headers = dict(getattr(error, "headers", None) or {})
    if getattr(error, "status_code", 404) == Why.WRONG_METHOD.http_status:
        allowed = headers.get("Allow", "")
        return Refusal(Why.WRONG_METHOD, f"only {allowed} is answered here", headers=headers)
    return Refusal(
        Why.NOT_FOUND,
        "there is nothing here; OTLP is taken at /v1/traces, /v1/logs and /v1/metrics",
    )


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - Starlette's types know exceptions alone
    return refusal_response(error)
