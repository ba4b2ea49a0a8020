"""
Files that appear, or take the place of others, in one go and for good.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

_PATIENCE_S = 10.0
_PAUSE_S = 0.01


def make_folder(folder: Path) -> None:
    """
    Make a folder, and those above it, so that a power cut does not undo it.
    """
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        _sync_folder(each.parent)


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """
    Write a file that takes the place of the one that is there, if any.

    Only one caller may do so at a time.
    """
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    _move(new, path)
    _sync_folder(path.parent)


def _move(new: Path, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            os.replace(new, path)
        except PermissionError:
            # Windows refuses while a reader has the old file open, which is a moment.
            if os.name != "nt" or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _sync_folder(folder: Path) -> None:
    """
    Bring the names in a folder to the disk; Windows knows no such thing.
    """
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
