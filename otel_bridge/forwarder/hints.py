"""
What to do about an answer that comes of the usual mistakes with addresses and certificates.
"""

from otel_bridge.forwarder.destination import Destination

_WANTS_CERTIFICATE = "name its authority as certificate, in a file of --destinations"


def hint_for(told: str, destination: Destination) -> str:
    """
    Say what is probably meant where nothing could be sent; empty where that is not known.

    Args:
        told: What the library below says.
    """
    for signs, hint in _hints(destination):
        if any(sign in told for sign in signs):
            return f" ({hint})"
    return ""


def _hints(destination: Destination) -> list[tuple[tuple[str, ...], str]]:
    secure = destination.url.startswith("https:")
    known: list[tuple[tuple[str, ...], str]] = [
        (("CERTIFICATE_VERIFY_FAILED",), f"its certificate is not trusted: {_WANTS_CERTIFICATE}"),
        (("WRONG_VERSION_NUMBER",), "it speaks no TLS: give it as http://"),
    ]
    if secure:
        cut = "it may ask for a client certificate, or speak another protocol"
    elif destination.uses_grpc:
        cut = "if this stays so, it may want https://"
    else:
        cut = "it may be a port for gRPC, or want https://"
    closed = ("Socket closed", "RemoteDisconnected", "ConnectionResetError", "BadStatusLine")
    if destination.uses_grpc:
        path = f"{destination.shown_url}/v1/traces"
        other = ("Expected SETTINGS frame", "http1.x server")
        known.append((other, f"it speaks no gRPC: for OTLP/HTTP give {path}"))
    return [*known, (closed, cut)]
