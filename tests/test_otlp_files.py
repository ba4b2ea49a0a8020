"""
Telemetry in files and folders.
"""

import gzip
import re
import shutil
from pathlib import Path

import captures
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_bridge.otlp import read_telemetry

CAPTURE = "ms_agent_framework"
TRACES = captures.files(CAPTURE, "traces", "pb")[0]
LOGS = captures.files(CAPTURE, "logs", "pb")[0]
TRACES_JSON = captures.files(CAPTURE, "traces", "json")[0]


def test_a_folder_is_read_in_order_and_by_content() -> None:
    """
    Protobuf and JSON, traces and logs of a folder are told apart, in the order of their
    paths; JSON that is no telemetry is passed over with a note.
    """
    found = list(read_telemetry([captures.CAPTURES / CAPTURE]))
    assert [(f.path.name, len(f.spans), len(f.logs)) for f in found] == [
        ("expected.json", 0, 0),
        ("logs-001.json", 0, 9),
        ("logs-001.pb", 0, 9),
        ("traces-001.json", 5, 0),
        ("traces-001.pb", 5, 0),
    ]
    assert found[0].note is not None
    assert str(found[0].path) in found[0].note
    assert all(f.problem is None and not f.rejected for f in found)


@pytest.mark.parametrize("name", ["a.bin", "traces.bin", "logs.bin", "metrics.bin"])
@pytest.mark.parametrize("source", [TRACES, LOGS])
def test_a_misleading_name_does_not_mislead(tmp_path: Path, name: str, source: Path) -> None:
    """
    Traces in a file named after logs are traces, and the other way round.
    """
    shutil.copy(source, tmp_path / name)
    (found,) = read_telemetry([tmp_path / name])
    assert bool(found.spans) is (source is TRACES)
    assert bool(found.logs) is (source is LOGS)
    assert (found.rejected, found.problem) == ([], None)


def test_a_bare_span_is_not_taken_for_a_log(tmp_path: Path) -> None:
    """
    A span with little in it would also parse as a log record; it has no time as one.
    """
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=b"\1" * 16, span_id=b"\1" * 8, start_time_unix_nano=5
    )
    (tmp_path / "logs.pb").write_bytes(request.SerializeToString())
    (found,) = read_telemetry([tmp_path])
    assert (len(found.spans), len(found.logs)) == (1, 0)


def test_folders_are_searched_and_other_files_left(tmp_path: Path) -> None:
    """
    Subfolders are read, gzip files too, and files with other endings are not.
    """
    inner = tmp_path / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "t.json.gz").write_bytes(gzip.compress(TRACES_JSON.read_bytes()))
    (tmp_path / "a.PB").write_bytes(TRACES.read_bytes())
    (tmp_path / "notes.txt").write_text("hello")
    found = list(read_telemetry([tmp_path]))
    assert [f.path.name for f in found] == ["a.PB", "t.json.gz"]
    assert found[0].spans == found[1].spans


def test_files_of_the_collectors_exporter_are_read(tmp_path: Path) -> None:
    """
    Messages that each follow their length, and requests on lines, are all read.
    """
    data = TRACES.read_bytes()
    framed = (len(data).to_bytes(4, "big") + data) * 2
    (tmp_path / "framed.pb").write_bytes(framed)
    line = TRACES_JSON.read_text("utf-8").replace("\n", " ")
    (tmp_path / "lines.jsonl").write_text(f"{line}\n{line}\n", "utf-8")
    assert [len(f.spans) for f in read_telemetry([tmp_path])] == [10, 10]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x1f\x8b\x08broken", "the gzip data is broken"),
        (gzip.compress(b"x" * 500, mtime=0)[:-6], "the gzip data is broken"),
        (b"hello there", "not OTLP protobuf"),
        (b'{"resourceSpans": [', "line 1, column 20"),
        (b'{"a": 1}', "not OTLP"),
        (b"\n" * 200_000, "it is empty"),
        (gzip.compress(b" " * 2_000_000, mtime=0), "larger than 1000000 bytes"),
    ],
)
def test_a_named_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """
    Each such file is told in one line with its path, and the next file is read.
    """
    path = tmp_path / "odd.pb"
    path.write_bytes(content)
    bad, good = read_telemetry([path, TRACES], max_bytes=1_000_000)
    assert bad.problem is not None
    assert bad.problem.startswith(f"{path}: ")
    assert message in bad.problem
    assert "\n" not in bad.problem
    assert len(good.spans) == 5


@pytest.mark.parametrize(
    "content", [b"null", b"3", b"\x12\x34 noise", '{"resourceSpans": []}'.encode("utf-16")]
)
@pytest.mark.parametrize("name", ["a.json", "a.JSONL", "a.json.gz"])
def test_what_is_called_json_is_told_as_json(tmp_path: Path, name: str, content: bytes) -> None:
    """
    Of a file whose name says JSON the problem never speaks of protobuf.
    """
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (found,) = read_telemetry([path])
    assert found.problem is not None
    assert re.search("OTLP JSON|it is JSON .*not OTLP", found.problem)
    assert "wire" not in found.problem
    assert "protobuf" not in found.problem


def test_protobuf_called_json_is_read(tmp_path: Path) -> None:
    """
    A misleading ending does not keep telemetry out.
    """
    shutil.copy(TRACES, tmp_path / "traces.json")
    (found,) = read_telemetry([tmp_path])
    assert (len(found.spans), found.problem) == (5, None)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """
    A path where there is nothing is told in one line.
    """
    (found,) = read_telemetry([tmp_path / "none.pb"])
    assert found.problem == f"{tmp_path / 'none.pb'}: No such file or directory"
