"""
The one place where errors become exit codes: 0 done, 1 failed, 2 wrong usage.

A failure is one line on standard error. An interrupt ends with 130, and a reader that
went away with 141, quietly, as for any other program.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable

from otel_bridge_storage.errors import OtelBridgeError

FAILED = 1
INTERRUPTED = 130
PIPE_CLOSED = 141


def guard(command: Callable[[], int]) -> int:
    """
    Run a command and answer with the program's exit code.
    """
    try:
        code = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OtelBridgeError as exc:
        return _failed(str(exc))
    except RecursionError:
        return _failed("the data is nested too deeply to be printed so; try --format csv")
    except OSError as exc:
        if _pipe_closed(exc):
            _discard_output()
            return PIPE_CLOSED
        return _failed(_said(exc))
    return code


def _failed(message: str) -> int:
    from otel_bridge.cli.output import note

    with contextlib.suppress(OSError):
        sys.stdout.flush()
    note(f"otel-bridge: {message}")
    return FAILED


def _said(exc: OSError) -> str:
    reason = exc.strerror or str(exc) or type(exc).__name__
    return f"{exc.filename}: {reason}" if exc.filename else reason


def _pipe_closed(exc: OSError) -> bool:
    if isinstance(exc, BrokenPipeError):
        return True
    return sys.platform == "win32" and exc.errno == errno.EINVAL


def _discard_output() -> None:
    # The interpreter flushes standard output once more when it exits.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
