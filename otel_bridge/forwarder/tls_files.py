"""
The certificates of a destination, read and checked before they are used.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from otel_bridge.forwarder.destination import Destination, DestinationError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """
    What is in the files, as PEM; None where there is no such file.

    Attributes:
        authority: Certificates to trust instead of the system's.
        certificate: That of the client, with those that lead to its authority.
        key: Its private key.
    """

    authority: bytes | None
    certificate: bytes | None
    key: bytes | None


def read_tls_files(destination: Destination) -> TlsFiles:
    """
    Read the files that a destination names.

    Raises:
        DestinationError: One of them cannot be read or used.
    """
    if not destination.has_tls_files:
        return TlsFiles(None, None, None)
    certificate = destination.client_certificate
    key = destination.client_key or certificate
    try:
        files = TlsFiles(_read(destination.certificate), _read(certificate), _read(key))
    except OSError as error:
        raise DestinationError(f"{error.filename}: {error.strerror or error}") from error
    # Neither library says which file is wrong, and OpenSSL would ask for a password.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if destination.certificate:
            context.load_verify_locations(destination.certificate)
    except ssl.SSLError as error:
        raise DestinationError(f"{destination.certificate} holds no certificate, PEM") from error
    try:
        if certificate:
            context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if key == certificate:
            raise DestinationError(
                f"{certificate} does not hold both a certificate and its key, PEM: "
                "name the file of the key as client_key"
            ) from error
        reason = error.reason or "not PEM"
        raise DestinationError(
            f"{certificate} and {key} are no certificate and its key, PEM: {reason}"
        ) from error
    except _EncryptedError:
        raise DestinationError(
            f"the key in {key} is encrypted; give one without a password"
        ) from None
    return files


class _EncryptedError(Exception):
    pass


def _read(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


def _no_password() -> str:
    raise _EncryptedError
