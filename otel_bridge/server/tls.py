"""
TLS for both listeners, from the same files.
"""

import ssl
from typing import Any

import grpc  # type: ignore[import-untyped]

from otel_bridge.server.settings import Tls


def ssl_context(tls: Tls) -> ssl.SSLContext:
    """
    Make what the HTTP listener needs; TLS 1.2 is the least.

    Raises:
        OSError: A file cannot be read, or holds no such certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in filter(None, (tls.certificate, tls.key, tls.client_authority)):
        # OpenSSL does not say which file it cannot read.
        path.read_bytes()
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
        if tls.client_authority is not None:
            context.load_verify_locations(tls.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        reason = error.reason or "not PEM, or the key is not that of the certificate"
        raise OSError(f"the files for TLS cannot be used: {reason}") from error
    return context


def grpc_credentials(tls: Tls) -> Any:
    """
    Make what the gRPC listener needs; it takes no TLS below 1.2.

    Raises:
        OSError: A file cannot be read.
    """
    authority = tls.client_authority
    return grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.certificate.read_bytes())],
        root_certificates=None if authority is None else authority.read_bytes(),
        require_client_auth=authority is not None,
    )


def _no_password() -> str:
    # Without this, OpenSSL would ask on the terminal.
    raise OSError("the key for TLS is encrypted; give one without a password")
