"""
Why a request is not taken, in the words of HTTP and of gRPC.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]


class Why(Enum):
    """
    A reason, with its HTTP status and its gRPC code.

    A sender tries again what is UNAVAILABLE or OVERLOADED. The latter is 503 and not 429,
    which older releases of the Python SDK take for final.
    """

    MALFORMED = (400, 3)
    UNAUTHENTICATED = (401, 16)
    FORBIDDEN = (403, 7)
    NOT_FOUND = (404, 5)
    WRONG_METHOD = (405, 12)
    TOO_SLOW = (408, 4)
    TOO_LARGE = (413, 3)
    UNSUPPORTED = (415, 3)
    BROKEN = (500, 13)
    OVERLOADED = (503, 8)
    UNAVAILABLE = (503, 14)

    def __init__(self, http_status: int, grpc_code: int) -> None:
        self.http_status = http_status
        self.grpc_code = grpc_code


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """
    A request is not taken.

    Args:
        why: The reason.
        message: What was wrong and what to do; it goes to the sender.
        retry_s: Seconds after which the sender should try again; None if it should not.
        headers: Further HTTP headers.
    """

    def __init__(
        self,
        why: Why,
        message: str,
        *,
        retry_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.why = why
        self.message = message
        self.retry_s = retry_s
        self.headers = dict(headers or {})

    def status(self) -> Any:
        """
        Give the `google.rpc.Status` that OTLP answers with.
        """
        status = Status(code=self.why.grpc_code, message=self.message)
        if self.retry_s is not None:
            info = RetryInfo()
            info.retry_delay.seconds = self.retry_s
            detail = AnyMessage()
            detail.Pack(info)
            status.details.append(detail)
        return status
