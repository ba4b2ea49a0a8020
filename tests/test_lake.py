"""
A lake holds what the database holds, and an export writes only what changed.
"""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import DAY, assert_equal, export, files, read
from otel_bridge_queries.lake.store import LakeStore
from otel_bridge_storage.errors import LakeError
from queries_data import MS, NOON, Recorded

HOSTILE = ("'; DROP TABLE runs; --", "../../etc", "a/b=c?d#e", "\x00\x1b[31m", "日本 \u202e", "")
MOMENTS = st.integers(-3, 3).map(lambda day: NOON + day * DAY) | st.sampled_from(
    [0, -1, DAY - 1, DAY, -DAY, 2**63 - 2 * MS, -(2**63)]
)
MONEY = st.none() | st.integers(0, 2**63 - 1)
NUMBERS = st.integers(0, 30)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), MOMENTS, MONEY, st.sampled_from(HOSTILE)),
        st.tuples(st.just("late"), MOMENTS, MONEY, NUMBERS),
        st.tuples(st.just("reprice"), NUMBERS, MONEY),
        st.tuples(st.just("rename"), NUMBERS, st.sampled_from(HOSTILE)),
        st.tuples(st.just("erase"), NUMBERS),
        st.tuples(st.just("export")),
    ),
    max_size=12,
)


class Edited:
    """
    A database that is edited as agents and their keepers do.
    """

    def __init__(self, path: Path) -> None:
        self.recorded = Recorded(path)
        self.path = path
        self.runs = 0

    def apply(self, kind: str, *told: object) -> None:
        """
        Make one edit.
        """
        getattr(self, f"_{kind}")(*told)

    def _run(self, start: int, cost: int | None, name: str) -> None:
        self.runs += 1
        run = f"r{self.runs}"
        with self.recorded as recorded:
            asked = recorded.said(name or "nothing")
            recorded.run(
                run,
                (name,),
                agent_name=name,
                started_ns=start,
                input_message=asked,
                metadata=json.dumps({"name": name}),
            )
            recorded.llm_call(
                run, start_ns=start, end_ns=None, cost_picousd=cost, response_model=name
            )
            recorded.tool_call(run, name, start_ns=start, end_ns=None, arguments=asked)
            recorded.step(run, 0, "user", asked)

    def _late(self, start: int, cost: int | None, number: int) -> None:
        with self.recorded as recorded:
            recorded.llm_call(f"r{number}", start_ns=start, end_ns=None, cost_picousd=cost)

    def _reprice(self, number: int, cost: int | None) -> None:
        self.change("UPDATE llm_calls SET cost_picousd = ? WHERE span % 7 = ?", cost, number % 7)

    def _rename(self, number: int, name: str) -> None:
        self.change("UPDATE runs SET agent_name = ? WHERE run_id = ?", name, f"r{number}")

    def _erase(self, number: int) -> None:
        for table in ("llm_calls", "tool_calls", "steps", "runs"):
            self.change(f"DELETE FROM {table} WHERE run_id = ?", f"r{number}")
        self.change("DELETE FROM messages WHERE id = ?", number)

    def change(self, statement: str, *values: object) -> None:
        """
        Change the tables as another process.
        """
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)


@pytest.fixture
def database(tmp_path: Path) -> Edited:
    """
    A database with runs on three days.
    """
    edited = Edited(tmp_path / "runs.db")
    for day in range(3):
        edited.apply("run", NOON + day * DAY, 10**12 + day, f"agent {day}")
    edited.recorded.close()
    return edited


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_a_lake_equals_the_database_after_any_edits(
    edits: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    After an export the lake holds what the views show, and another export writes nothing.
    """
    folder = tmp_path_factory.mktemp("lake")
    edited, lake = Edited(folder / "runs.db"), folder / "lake"
    for kind, *told in [*edits, ("export",)]:
        if kind != "export":
            edited.apply(str(kind), *told)
            continue
        export(edited.path, lake)
        assert_equal(lake, edited.path)
        there = files(lake)
        again = export(edited.path, lake)
        assert (again.written, again.removed, again.unchanged) == (0, 0, len(there))
        assert files(lake) == there
    edited.recorded.close()


def test_only_days_that_changed_are_written(database: Edited, tmp_path: Path) -> None:
    """
    A call repriced on one day makes the file of that day's calls anew, and no other.
    """
    lake = tmp_path / "lake"
    export(database.path, lake)
    before = files(lake)
    database.change("UPDATE llm_calls SET cost_picousd = 5 WHERE run_id = 'r2'")
    exported = export(database.path, lake)
    after = files(lake)
    changed = [path for path in after if after[path] != before[path]]
    assert changed == ["llm_calls/date=2025-06-16/part-here-00000.parquet"]
    assert (exported.written, exported.rows, exported.removed) == (1, 1, 0)
    assert_equal(lake, database.path)


def test_days_without_rows_are_removed(database: Edited, tmp_path: Path) -> None:
    """
    A day whose runs are erased leaves no file and no folder behind.
    """
    lake = tmp_path / "lake"
    export(database.path, lake)
    for table in ("llm_calls", "runs"):
        database.change(f"DELETE FROM {table} WHERE run_id = 'r1'")
    exported = export(database.path, lake)
    assert exported.removed == 2
    assert sorted(path.name for path in (lake / "runs").iterdir()) == [
        "date=2025-06-16",
        "date=2025-06-17",
    ]
    assert_equal(lake, database.path)


def test_databases_share_a_lake(database: Edited, tmp_path: Path) -> None:
    """
    Each exporter's files hold its own rows, and no export touches those of another, even
    if its name begins alike.
    """
    lake = tmp_path / "lake"
    other = Edited(tmp_path / "other.db")
    other.apply("run", NOON, 7, "other")
    other.recorded.close()
    export(database.path, lake, "a")
    export(other.path, lake, "a-00001")
    before = files(lake)
    database.apply("erase", 1)
    export(database.path, lake, "a")
    after = files(lake)
    theirs = [path for path in before if "part-a-00001-" in path]
    assert theirs
    assert [before[path] for path in theirs] == [after[path] for path in theirs]
    assert_equal(lake, database.path, "a")
    assert_equal(lake, other.path, "a-00001")


def test_an_empty_database_makes_no_tables(tmp_path: Path) -> None:
    """
    Without rows there are no Parquet files, and a lake that is emptied has none left.
    """
    edited, lake = Edited(tmp_path / "runs.db"), tmp_path / "lake"
    assert export(edited.path, lake).written == 0
    assert files(lake) == {}
    edited.apply("run", NOON, 1, "a")
    export(edited.path, lake)
    assert files(lake)
    for table in ("llm_calls", "tool_calls", "steps", "runs", "spans", "messages"):
        edited.change(f"DELETE FROM {table}")
    export(edited.path, lake)
    edited.recorded.close()
    assert files(lake) == {}


def test_content_can_be_left_out(database: Edited, tmp_path: Path) -> None:
    """
    Without content no text of people, models or tools is in any file, nor is it left in a
    lake that had it before.
    """
    lake = tmp_path / "lake"
    database.apply("run", NOON, 1, "a")
    database.change("UPDATE messages SET body = 'SECRET' || id")
    database.change("""UPDATE spans SET attributes = '{"input.value":"SECRET"}'""")
    export(database.path, lake)
    assert read(lake, "runs", ["input"])[0] == ("SECRET1",)
    export(database.path, lake, content=False)
    assert not (lake / "messages").exists() or not list((lake / "messages").rglob("*.parquet"))
    for table, columns in (
        ("runs", ["input", "response"]),
        ("tool_calls", ["arguments", "result"]),
        ("steps", ["content", "condensed_content"]),
        ("spans", ["attributes", "len(message_ids) = 0 OR NULL"]),
    ):
        texts = {value for row in read(lake, table, columns) for value in row}
        assert texts <= {None, True}, table
    export(database.path, lake)
    assert_equal(lake, database.path)


def test_earlier_days_can_be_left_alone(database: Edited, tmp_path: Path) -> None:
    """
    An export since a day neither writes nor removes what lies before it.
    """
    lake = tmp_path / "lake"
    export(database.path, lake)
    before = files(lake)
    for number in (1, 2, 3):
        database.apply("erase", number)
    exported = export(database.path, lake, since_day=NOON // DAY + 1)
    assert exported.written == 0
    kept = [path for path in before if "date=2025-06-15" in path]
    assert [path for path in files(lake) if path.startswith("runs")] == [
        path for path in kept if path.startswith("runs")
    ]
    export(database.path, lake)
    assert_equal(lake, database.path)


def test_references_to_texts_are_listed(database: Edited, tmp_path: Path) -> None:
    """
    A span lists the ids of the texts that its attributes refer to, and no other numbers.
    """
    attributes = {
        "a": {"$text": 7},
        "b": [{"$text": 9}, {"$list": [7, 8, 12], "$separator": ", "}],
        "c": 'says {"$text":5}',
        "d": 5,
    }
    dumped = json.dumps(attributes, separators=(",", ":"))
    database.change("UPDATE spans SET attributes = ?", dumped)
    export(database.path, tmp_path / "lake")
    found = read(tmp_path / "lake", "spans", ["message_ids", "attributes"])
    assert set(map(repr, found)) == {repr(([7, 8, 9, 12], dumped))}


def test_rows_do_not_move_between_files(tmp_path: Path) -> None:
    """
    Which file of a day a row is in follows from the row alone, whatever else there is.
    """
    edited, lake = Edited(tmp_path / "runs.db"), tmp_path / "lake"
    edited.apply("run", NOON, 1, "a")
    with edited.recorded as recorded:
        recorded._spans = 1_999_999
        recorded.llm_call("r1")
        recorded.llm_call("r1", start_ns=NOON + MS)
    export(edited.path, lake)
    parts = sorted(path for path in files(lake) if path.startswith("llm_calls"))
    assert [path[-13:-8] for path in parts] == ["00000", "00002"]
    edited.change("DELETE FROM llm_calls WHERE span < 1000000")
    before = files(lake)
    export(edited.path, lake)
    edited.recorded.close()
    assert files(lake)[parts[1]] == before[parts[1]]
    assert_equal(lake, edited.path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tables":{"runs":{"x":{}}}}', '{"tables":3}'])
def test_a_broken_manifest_is_made_anew(database: Edited, tmp_path: Path, text: str) -> None:
    """
    Whatever became of the manifest, the next export writes what is missing or unknown.
    """
    lake = tmp_path / "lake"
    export(database.path, lake)
    (lake / "_otel_bridge" / "manifests" / "here.json").write_text(text)
    assert export(database.path, lake).written == len(files(lake))
    assert_equal(lake, database.path)
    assert export(database.path, lake).written == 0


def test_files_that_others_changed_are_made_anew(database: Edited, tmp_path: Path) -> None:
    """
    A file that is gone, cut short or not known of does not stay so.
    """
    lake = tmp_path / "lake"
    export(database.path, lake)
    gone, cut, *_ = sorted(lake.rglob("part-*.parquet"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    stray = lake / "runs" / "date=2001-01-01" / "part-here-00000.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"?")
    foreign = lake / "runs" / "date=2001-01-01" / "notes.parquet"
    foreign.write_bytes(b"!")
    exported = export(database.path, lake)
    assert (exported.written, exported.removed) == (2, 1)
    assert foreign.read_bytes() == b"!"
    foreign.unlink()
    assert_equal(lake, database.path)


def test_newer_lakes_are_refused(database: Edited, tmp_path: Path) -> None:
    """
    A manifest of a later format is not written over.
    """
    lake = tmp_path / "lake"
    manifest = lake / "_otel_bridge" / "manifests" / "here.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"format": 99}')
    with pytest.raises(LakeError, match="newer version"):
        export(database.path, lake)
    assert manifest.read_text() == '{"format": 99}'


def test_the_lake_explains_itself(database: Edited, tmp_path: Path) -> None:
    """
    The README in the lake names each column that the files have.
    """
    import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

    lake = tmp_path / "lake"
    export(database.path, lake)
    text = (lake / "_otel_bridge" / "README.md").read_text()
    for table in ("runs", "llm_calls", "tool_calls", "steps", "spans", "messages"):
        section = text.partition(f"## {table}\n")[2].partition("\n## ")[0]
        named = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
        (path, *_) = sorted((lake / table).rglob("*.parquet"))
        with pyarrow.parquet.ParquetFile(path) as file:
            assert named[:-1] == file.schema_arrow.names
        assert path.parent.name.startswith(f"{named[-1]}=")


def test_a_place_that_cannot_be_written_is_named(database: Edited, tmp_path: Path) -> None:
    """
    The error says which lake it was and why.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match=r"the lake .*file"):
        export(database.path, tmp_path / "file")
    with pytest.raises(LakeError, match="nosuch://x"):
        LakeStore("nosuch://x", exporter="a")
