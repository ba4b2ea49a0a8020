"""
Stores are found by the scheme of a URL, and other packages add theirs.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from backends import Backend
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.threads import MetadataStoreProtocol
from recording_data import environment, run_program

import otel_bridge
from otel_bridge import MetadataStore, open_metadata_store, register_metadata_store

PACKAGE = """
from otel_bridge_storage.threads import MetadataStore

class Theirs(MetadataStore):
    def __init__(self, url, *, colour):
        super().__init__("memory://theirs")
        self.colour = colour
"""
PROGRAM = """
import asyncio
from otel_bridge import open_metadata_store

async def main():
    async with open_metadata_store("theirs://somewhere", colour="red") as store:
        await store.create_thread("t", metadata={}, config={}, ttl=None, if_exists="raise")
        assert (await store.fetch_thread_row("t"))["thread_id"] == "t"
        print(type(store).__module__, store.colour)

asyncio.run(main())
"""


class Theirs(MetadataStore):
    """
    Another package's store, which keeps its threads in memory.
    """

    def __init__(self, url: str, *, colour: str = "none") -> None:
        super().__init__("memory://theirs")
        self.url = url
        self.colour = colour


async def test_url_opens_a_store(backend: Backend) -> None:
    """
    Each kind of URL gives a store that is set up, and closed at the end.
    """
    async with open_metadata_store(backend.target) as store:
        await store.create_thread("t", metadata={}, config={}, ttl=None, if_exists="raise")
    with pytest.raises(DatabaseError, match="closed"):
        await store.fetch_thread_row("t")
    async with open_metadata_store(backend.target) as store:
        assert await store.fetch_thread_row("t") is not None


@pytest.mark.parametrize("prefix", ["", "sqlite:///", "sqlite+aiosqlite:///"])
async def test_spellings_of_a_file(tmp_path: Path, prefix: str) -> None:
    """
    A path and the URLs of a file mean the file.
    """
    path = tmp_path / "runs.db"
    async with open_metadata_store(f"{prefix}{path}") as store:
        await store.delete_thread("t")
    assert path.exists()
    async with open_metadata_store(path):
        pass


async def test_registered_scheme_is_used() -> None:
    """
    What a package registers is called with the URL and the options.
    """
    registered = register_metadata_store("theirs-here", "theirs-too")(Theirs)
    assert registered is Theirs
    async with open_metadata_store("theirs-too://x?y#z", colour="blue") as store:
        assert isinstance(store, Theirs)
        assert (store.url, store.colour) == ("theirs-too://x?y#z", "blue")


async def test_unknown_scheme_is_told() -> None:
    """
    The error for an unknown scheme names the known ones.
    """
    with pytest.raises(DatabaseError, match=r"'mongodb'.*memory, .*postgresql.*sqlite"):
        async with open_metadata_store("mongodb://host/x"):
            pass


async def test_what_is_no_store_is_told() -> None:
    """
    An opener that gives something else is an error of ours, which says what is missing.
    """

    @register_metadata_store("not-a-store")
    def wrong(url: str) -> Any:
        return object()

    with pytest.raises(DatabaseError, match="no aclose"):
        async with open_metadata_store("not-a-store://x"):
            pass


async def test_store_that_fails_to_set_up_is_closed() -> None:
    """
    Where setting up fails, what was opened until then is closed.
    """
    closed = []

    class Failing(Theirs):
        async def setup(self) -> None:
            raise ConnectionError

        async def aclose(self) -> None:
            closed.append(True)

    register_metadata_store("failing")(Failing)
    with pytest.raises(ConnectionError):
        async with open_metadata_store("failing://x"):
            pass
    assert closed == [True]


def test_entry_point_is_found_without_an_import(tmp_path: Path) -> None:
    """
    An installed package's store is used for its scheme, though nobody imported it.
    """
    (tmp_path / "their_package.py").write_text(PACKAGE)
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[otel_bridge.metadata_stores]\ntheirs = their_package:Theirs\n"
    )
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run_program(PROGRAM, variables={"PYTHONPATH": path})
    assert (done.stdout.split(), done.stderr) == (["their_package", "red"], "")


def test_names_are_public() -> None:
    """
    What users need is handed on by `otel_bridge`.
    """
    assert otel_bridge.MetadataStore is MetadataStore
    assert issubclass(MetadataStore, MetadataStoreProtocol)
