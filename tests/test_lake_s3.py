"""
A lake may be in a bucket: the same files, under the same rules, by way of a server.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakes import DAY, assert_equal
from otel_bridge_queries.lake import NAMES, Exported, LakeExport
from otel_bridge_queries.lake.store import LakeStore
from otel_bridge_storage.errors import LakeError
from pyarrow.fs import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
    FileSelector,
    LocalFileSystem,
    S3FileSystem,
    copy_files,
)
from queries_data import NOON
from test_lake import Edited

CHILD = Path(__file__).with_name("s3_child.py")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """
    Give the address of an S3 server on this machine.
    """
    child = subprocess.Popen(
        [sys.executable, str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.stdin.close()
        child.wait(30)
        child.stdout.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """
    Name made-up credentials and the server in the standard variables.
    """
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> str:
    """
    Give the name of a new bucket.
    """
    name = f"b{abs(hash(request.node.name)):x}"
    client(endpoint).create_dir(name)
    return name


def client(endpoint: str) -> S3FileSystem:
    """
    Reach the server as someone else.
    """
    return S3FileSystem(
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )


def export(database: Path, place: str) -> Exported:
    """
    Bring a lake up to date.
    """
    return LakeExport(database, LakeStore(place, exporter="here"), exporter="here").run(NAMES)


def parquet(endpoint: str, place: str) -> dict[str, int]:
    """
    List the Parquet files of a lake, with when they were written.
    """
    found = client(endpoint).get_file_info(FileSelector(place, recursive=True))
    return {info.path: info.mtime_ns for info in found if info.path.endswith(".parquet")}


def test_a_lake_in_a_bucket(tmp_path: Path, endpoint: str, bucket: str) -> None:
    """
    Exports to a bucket are incremental, idempotent and equal to the database.
    """
    edited, place = Edited(tmp_path / "runs.db"), f"{bucket}/deep/lake"
    for day in range(3):
        edited.apply("run", NOON + day * DAY, day, f"agent {day}")
    first = export(edited.path, f"s3://{place}")
    before = parquet(endpoint, place)
    assert (first.written, first.unchanged) == (len(before), 0)
    again = export(edited.path, f"s3://{place}/")
    assert (again.written, again.unchanged, again.removed) == (0, len(before), 0)
    assert parquet(endpoint, place) == before
    edited.apply("erase", 1)
    edited.apply("rename", 2, "renamed")
    changed = export(edited.path, f"s3://{place}")
    assert changed.removed == 3
    assert changed.unchanged > 0
    copy_files(place, str(tmp_path / "copy"), client(endpoint), LocalFileSystem())
    edited.recorded.close()
    assert_equal(tmp_path / "copy", edited.path)
    hidden = FileSelector(f"{place}/_otel_bridge/unfinished", recursive=True, allow_not_found=True)
    assert [info.path for info in client(endpoint).get_file_info(hidden) if info.is_file] == []


def test_the_endpoint_can_be_given(
    tmp_path: Path, endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An endpoint that is given counts more than the environment's.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    edited = Edited(tmp_path / "runs.db")
    edited.apply("run", NOON, 1, "a")
    edited.recorded.close()
    store = LakeStore(f"s3://{bucket}", exporter="here", endpoint=endpoint)
    assert LakeExport(edited.path, store, exporter="here").run(NAMES).written == 6
    assert len(parquet(endpoint, bucket)) == 6


def test_a_bucket_that_is_not_there_is_named(tmp_path: Path) -> None:
    """
    The error says which bucket it was; none is made.
    """
    edited = Edited(tmp_path / "runs.db")
    edited.recorded.close()
    with pytest.raises(LakeError, match="nowhere"):
        export(edited.path, "s3://nowhere/lake")


def test_an_endpoint_that_makes_no_sense_is_refused() -> None:
    """
    What is no address of a server is told as such.
    """
    with pytest.raises(LakeError, match="is no address"):
        LakeStore("s3://bucket", exporter="a", endpoint="ftp://x")
