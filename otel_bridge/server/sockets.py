"""
The sockets that the HTTP listener accepts on.
"""

import errno
import os
import socket
import sys

_BACKLOG = 2048
_ADVICE = {
    errno.EADDRINUSE: "; stop what has it, or give other ports by --http-port and --grpc-port",
    errno.EACCES: "; give ports above 1023 by --http-port and --grpc-port",
}


def listen(host: str, port: int) -> list[socket.socket]:
    """
    Listen on every address of a host, at one port.

    Args:
        port: 0 for any that is free.

    Raises:
        OSError: The name is not known, or the port is taken or not allowed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise taken(host, port, error) from error
    opened: list[socket.socket] = []
    for family, address in dict.fromkeys((item[0], item[4][0]) for item in found):
        try:
            opened.append(_bound(family, str(address), port))
        except OSError as error:
            # A name may have an address that this machine does not use, such as ::1.
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and len(found) > 1:
                continue
            for each in opened:
                each.close()
            raise taken(host, port, error) from error
        port = opened[0].getsockname()[1]
    if not opened:
        raise taken(host, port, OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL)))
    return opened


def check_free(host: str, port: int) -> None:
    """
    Make sure that a port can be listened on, and leave it alone.

    Raises:
        OSError: As for `listen`.
    """
    for each in listen(host, port):
        each.close()


def taken(host: str, port: int, error: OSError) -> OSError:
    """
    Say where could not be listened, and why.
    """
    reason = error.strerror or str(error)
    advice = _ADVICE.get(error.errno or 0, "")
    return OSError(error.errno, f"cannot listen there: {reason}{advice}", authority(host, port))


def authority(host: str, port: int) -> str:
    """
    Write a host and a port as they stand in a URL.
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(family: int, address: str, port: int) -> socket.socket:
    # asyncio sends answers without delay only where the protocol is named.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            # A restart need not wait; on Windows this would let two programs share a port.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
