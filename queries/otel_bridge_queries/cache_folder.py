"""
The folder beside a database for what can be made from it again at any time.
"""

import contextlib
from pathlib import Path

_TAG = "CACHEDIR.TAG"
# The first line is what backup programs look for: https://bford.info/cachedir/
_TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# otel-bridge makes what is in this folder from the database beside it: it may be\n"
    "# deleted at any time, and need not be in backups.\n"
)


def cache_folder(database: Path) -> Path:
    """
    Say where the cache of a database file is, whether it is there or not.
    """
    return Path(f"{database.resolve()}.cache")


def columnar_folder(database: Path) -> Path:
    """
    Say where the files of a database's relations are.
    """
    return cache_folder(database) / "columnar"


def make_cache_folder(database: Path) -> Path:
    """
    Make the cache of a database file, for the eyes of its owner alone.

    Raises:
        OSError: It cannot be made.
    """
    folder = cache_folder(database)
    folder.mkdir(mode=0o700, exist_ok=True)
    # The tag spares backups; without it the cache is as good.
    with contextlib.suppress(OSError):
        if not (folder / _TAG).exists():
            (folder / _TAG).write_text(_TAG_TEXT, encoding="ascii")
    return folder
