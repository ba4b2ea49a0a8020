"""
What `with_raw_response` of the `openai` and `anthropic` clients gives.
"""

from typing import Any

from otel_bridge.responses.access import get


def is_raw(response: object) -> bool:
    """
    Tell the shape by the HTTP response inside it.
    """
    return get(response, "http_response") is not None and callable(get(response, "parse"))


def raw_body(response: object) -> Any:
    """
    Give the JSON of the body where it has arrived; None where reading it would take from
    the caller what is still to be streamed.
    """
    http = get(response, "http_response")
    return http.json() if get(http, "is_closed") is True else None
