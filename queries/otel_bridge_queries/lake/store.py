"""
Where a lake is: a folder, or a bucket of S3 and the like, through Arrow's file systems.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from otel_bridge_storage.errors import LakeError, NotInstalledError

from otel_bridge_queries.lake.manifest import Stamp

OWN_FOLDER = "_otel_bridge"
_MANIFESTS = f"{OWN_FOLDER}/manifests"
# Beside the tables and not in them: no reader looks here, and a rename stays on one disk.
_UNFINISHED = f"{OWN_FOLDER}/unfinished"
_PART = re.compile(r"part-(?P<exporter>.+)-(?P<number>\d{5,})\.parquet")


class LakeStore:
    """
    The files of a lake.

    A file appears whole under its name, or not at all: it is written elsewhere first.

    Args:
        place: A folder, or a URI such as `s3://bucket/folder`.
        exporter: Whose files are listed and removed; those of others are left alone.
        endpoint: Of an S3 server; by default `$AWS_ENDPOINT_URL_S3`, `$AWS_ENDPOINT_URL`
            or Amazon's.

    Raises:
        NotInstalledError: pyarrow is not installed.
        LakeError: The URI makes no sense.
    """

    def __init__(self, place: str | Path, *, exporter: str, endpoint: str | None = None) -> None:
        self.place = str(place)
        self._exporter = exporter
        self._unfinished = f"{_UNFINISHED}/{exporter}"
        with self._told("open"):
            self._files, root = _file_system(self.place, endpoint)
        self._root = root.rstrip("/") or "/"
        self._has_folders = self._files.type_name == "local"

    @staticmethod
    def part_name(exporter: str, number: int) -> str:
        """
        Name a file of a partition. The name is the same each time, so that the new file
        takes the place of the old one in one step.
        """
        return f"part-{exporter}-{number:05d}.parquet"

    def parts(self, table: str) -> dict[str, Stamp]:
        """
        List the exporter's files of a table, by path in its folder.
        """
        with self._told("list"):
            found = self._files.get_file_info(self._selector(table))
        start = len(f"{self._root}/{table}/")
        return {
            info.path[start:]: Stamp(info.size, info.mtime_ns)
            for info in found
            if info.is_file and self._is_own(info.base_name)
        }

    def write(self, path: str, fill: Callable[[Any], None]) -> None:
        """
        Write a file and put it under its name, in place of another.

        Args:
            path: Where, in the lake.
            fill: Writes into the open stream that it is called with.
        """
        hidden = f"{self._unfinished}/{path.replace('/', '+')}"
        with self._told("write"):
            self._make_folder(hidden)
            with self._files.open_output_stream(self._full(hidden)) as stream:
                fill(stream)
            self._make_folder(path)
            self._files.move(self._full(hidden), self._full(path))

    def remove(self, path: str) -> None:
        """
        Remove a file, and its folder if that is empty then.
        """
        with self._told("remove"):
            self._files.delete_file(self._full(path))
        if self._has_folders:
            try:
                os.rmdir(self._full(path.rpartition("/")[0]))
            except OSError:
                return

    def remove_unfinished(self) -> None:
        """
        Remove what an export that was broken off left behind.
        """
        with self._told("clean"):
            left = self._files.get_file_info(self._selector(self._unfinished))
            for info in left:
                if info.is_file:
                    self._files.delete_file(info.path)

    def read_text(self, path: str) -> str | None:
        """
        Read a small file; None if there is none.
        """
        try:
            with self._told("read"), self._files.open_input_stream(self._full(path)) as stream:
                return bytes(stream.read()).decode("utf-8", "replace")
        except LakeError as error:
            if isinstance(error.__cause__, FileNotFoundError) and self._is_reachable():
                return None
            raise

    def write_text(self, path: str, text: str) -> None:
        """
        Write a small file.
        """
        self.write(path, lambda stream: stream.write(text.encode()))

    @property
    def manifest(self) -> str:
        """
        Where the exporter's manifest is.
        """
        return f"{_MANIFESTS}/{self._exporter}.json"

    def _is_reachable(self) -> bool:
        if self._has_folders:
            return True
        with self._told("reach"):
            bucket = self._root.partition("/")[0]
            if self._files.get_file_info(bucket).type.name != "NotFound":
                return True
        raise LakeError(f"cannot reach {self.place}: there is no bucket {bucket!r}: make it first")

    def _is_own(self, name: str) -> bool:
        match = _PART.fullmatch(name)
        return match is not None and match["exporter"] == self._exporter

    def _selector(self, folder: str) -> Any:
        from pyarrow.fs import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
            FileSelector,
        )

        return FileSelector(self._full(folder), recursive=True, allow_not_found=True)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _make_folder(self, path: str) -> None:
        # Object stores have none, and would keep an empty object for each.
        if self._has_folders:
            self._files.create_dir(self._full(path.rpartition("/")[0]), recursive=True)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]

        try:
            yield
        except (OSError, pyarrow.ArrowException) as error:
            reason = str(error).strip().partition("\n")[0]
            raise LakeError(f"cannot {doing} the lake {self.place}: {reason}") from error


def _file_system(place: str, endpoint: str | None) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem, LocalFileSystem

    scheme, is_uri, _ = place.partition("://")
    if not is_uri:
        return LocalFileSystem(), Path(place).absolute().as_posix()
    endpoint = (
        endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    )
    if scheme == "s3" and endpoint:
        return _s3_at(endpoint), place.removeprefix("s3://")
    return FileSystem.from_uri(place)  # type: ignore[no-any-return, unused-ignore]


def _s3_at(endpoint: str) -> Any:
    from pyarrow.fs import S3FileSystem

    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise LakeError(
            f"the S3 endpoint {endpoint!r} is no address: give one such as http://localhost:9000"
        )
    return S3FileSystem(
        endpoint_override=parts.netloc,
        scheme=parts.scheme,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
    )


def check_installed() -> None:
    """
    Find out whether Parquet files can be written here.

    Raises:
        NotInstalledError: pyarrow is not installed.
    """
    try:
        import pyarrow.fs
        import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
    except ImportError as error:
        raise NotInstalledError(
            "pyarrow is not installed: run `pip install 'otel-bridge[lake]'`"
        ) from error
