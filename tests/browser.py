"""
A real browser for the tests of pages: headless Chromium, where it is installed.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

NOT_RUN = "not run: no Chromium"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars",
)


def chromium() -> str | None:
    """
    Find the browser: `$OTEL_BRIDGE_TEST_CHROMIUM`, or one on the path.
    """
    named = os.environ.get("OTEL_BRIDGE_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass(frozen=True)
class Seen:
    """
    What became of a page.

    Attributes:
        dom: The document after its scripts ran.
        console: What the browser said of it: errors, refusals, messages.
    """

    dom: str
    console: list[str]


def open_page(url: str, *flags: str) -> Seen:
    """
    Open a page, let its scripts run and give what became of it.
    """
    browser = chromium()
    if browser is None:
        pytest.skip(NOT_RUN)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        ended = subprocess.run(
            [browser, *_FLAGS, f"--user-data-dir={profile}", *flags, "--dump-dom", url],
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=120,
        )
    return Seen(ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line])


def picture(url: str, path: Path, width: int, height: int, *flags: str) -> bytes:
    """
    Take a picture of a page as it is on a window of a size.
    """
    size = f"--window-size={width},{height}"
    open_page(url, size, f"--screenshot={path}", *flags)
    return path.read_bytes()
