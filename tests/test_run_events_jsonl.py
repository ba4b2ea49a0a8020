"""
Run events in JSON Lines files: what is in the files, and what damage does to them.
"""

import asyncio
import errno
import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.errors import DatabaseError, SchemaVersionError
from otel_bridge_storage.run_events import file_lock as locks
from otel_bridge_storage.run_events import jsonl as jsonl_module
from otel_bridge_storage.run_events.file_lock import file_lock
from otel_bridge_storage.run_events.jsonl import JsonlRunEventStore
from run_event_backends import event, seqs


def contents(records: list[dict[str, Any]]) -> list[Any]:
    """
    Give the contents of some records.
    """
    return [record["content"] for record in records]


async def written(folder: Path, *batches: list[dict[str, Any]]) -> Path:
    """
    Put batches into the thread `t`, and say where its file is.
    """
    async with JsonlRunEventStore(folder) as store:
        for batch in batches:
            await store.put_batch(batch)
        return store.path_of("t")


def files_below(folder: Path) -> list[bytes]:
    """
    Read all files of a folder.
    """
    return [each.read_bytes() for each in folder.rglob("*") if each.is_file()]


async def test_other_programs_can_read_the_files(tmp_path: Path) -> None:
    """
    Each line is JSON and ends with a line feed, and those with a `seq` are the records.
    """
    batch = [event(content="ä\u2028"), event(thread_id="u"), event(run_id="r2")]
    path = await written(tmp_path, [event()], batch)
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    async with JsonlRunEventStore(tmp_path) as store:
        assert [line for line in lines if "seq" in line] == await store.list_messages("t")
    assert lines[0] | {"generation": ""} == {
        "generation": "",
        "format": 1,
        "thread_id": "t",
        "last_seq": 0,
    }
    assert "ä".encode() in path.read_bytes()
    assert path.parent.parent == tmp_path / "threads"


async def test_folders_have_names_that_any_file_system_takes(tmp_path: Path) -> None:
    """
    Names are short, of small letters, digits and dashes, and differ in spite of that.
    """
    store = JsonlRunEventStore(tmp_path)
    ids = ["a", "A", "a/b", "..", "con", "ä", "a\u0308", "x" * 5000, " ", "🎉"]
    names = [store.path_of(each).parent.name for each in ids]
    assert len(set(names)) == len(ids)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
    assert max(map(len, names)) <= 80
    assert store.path_of("Chat 7").parent.name.startswith("chat-7-")


async def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    """
    Wherever a crash tore the last line, the next record survives and takes its number.
    """
    path = await written(tmp_path / "whole", [event(content="one")], [event(content="ä" * 9)])
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    for end in range(last, len(whole)):
        shutil.copytree(tmp_path / "whole", tmp_path / "torn")
        async with JsonlRunEventStore(tmp_path / "torn") as store:
            torn = store.path_of("t")
            torn.write_bytes(whole[:end])
            assert contents(await store.list_messages("t")) == ["one"]
            assert (await store.put(**event(content="two")))["seq"] == 2
            assert store.damaged_lines == 0
        assert torn.read_bytes()[:last] == whole[:last]
        assert [json.loads(line) for line in torn.read_bytes().splitlines()]
        async with JsonlRunEventStore(tmp_path / "torn") as store:
            assert contents(await store.list_messages("t")) == ["one", "two"]
        shutil.rmtree(tmp_path / "torn")


async def test_a_torn_batch_is_cut_off(tmp_path: Path) -> None:
    """
    Wherever a crash tore a batch, nothing of it stays, and what came before does.
    """
    path = await written(tmp_path, [event(content="one")])
    first = len(path.read_bytes())
    await written(tmp_path, [event(content=n) for n in range(3)])
    whole = path.read_bytes()
    for end in range(first, len(whole)):
        path.write_bytes(whole[:end])
        async with JsonlRunEventStore(tmp_path) as store:
            assert contents(await store.list_messages("t")) == ["one"]
            assert (await store.put(**event(content="two")))["seq"] == 2
            assert contents(await store.list_messages("t")) == ["one", "two"]


async def test_a_torn_line_is_cut_off_by_a_store_that_knew_the_file(tmp_path: Path) -> None:
    """
    A store that is open all along gets over the crash of another process, too.
    """
    async with JsonlRunEventStore(tmp_path) as store:
        await store.put(**event(content="one"))
        for tail in (b"{", b'{"seq": 2', b'{"batch":2}\n{"seq":2}\n', b'{"batch":2}\n'):
            with store.path_of("t").open("ab") as file:
                file.write(tail)
            assert contents(await store.list_messages("t")) == ["one"]
        assert (await store.put(**event()))["seq"] == 2


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0\0", b"{}", b"[1]", b"nonsense", b"\xff\xfe", b'{"batch": true}', b"[" * 99999],
    ids=lambda garbage: ascii(garbage[:9]),
)
async def test_damaged_lines_are_left_out(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Lines that are no records are left out, counted, and warned of once.
    """
    path = await written(tmp_path, [event(content=0)], [event(content=n) for n in (1, 2)])
    lines = path.read_bytes().splitlines(keepends=True)
    foreign = json.dumps(json.loads(lines[-1]) | {"thread_id": "other", "seq": 9}).encode() + b"\n"
    waste = garbage + b"\n"
    damaged = [lines[0], waste, lines[1], foreign, lines[1], *lines[2:], waste]
    path.write_bytes(b"".join(damaged))
    with caplog.at_level(logging.WARNING, "otel_bridge"):
        async with JsonlRunEventStore(tmp_path) as store:
            for _ in range(3):
                assert contents(await store.list_messages("t")) == [0, 1, 2]
            assert (await store.put(**event(content=3)))["seq"] == 4
            assert store.damaged_lines == 4
    assert [r.getMessage() for r in caplog.records] == [
        f"4 lines of {path} are damaged and are left out"
    ]


async def test_a_damaged_line_in_a_batch_costs_only_itself(tmp_path: Path) -> None:
    """
    The other records of an acknowledged batch stay.
    """
    path = await written(tmp_path, [event(content=n) for n in range(3)], [event(content=3)])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"x" * (len(lines[3]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    async with JsonlRunEventStore(tmp_path) as store:
        assert contents(await store.list_messages("t")) == [0, 2, 3]
        assert (await store.put(**event()))["seq"] == 5


@pytest.mark.parametrize("size", [0, 1, 30, 60])
async def test_a_damaged_header_is_replaced(tmp_path: Path, size: int) -> None:
    """
    Without its first line a file keeps its records, and numbers go on after them.
    """
    path = await written(tmp_path, [event(content=n) for n in range(3)])
    header, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(header[:size] + (b"\n" if size else b"") + rest)
    async with JsonlRunEventStore(tmp_path) as store:
        assert contents(await store.list_messages("t")) == [0, 1, 2]
        assert (await store.put(**event()))["seq"] == 4
    async with JsonlRunEventStore(tmp_path) as store:
        assert seqs(await store.list_messages("t")) == [1, 2, 3, 4]
    path.write_bytes(b"")
    async with JsonlRunEventStore(tmp_path) as store:
        assert await store.list_messages("t") == []
        assert (await store.put(**event()))["seq"] == 1


async def test_a_file_of_another_thread_is_refused(tmp_path: Path) -> None:
    """
    The thread's id is inside the file and checked.
    """
    path = await written(tmp_path, [event()])
    async with JsonlRunEventStore(tmp_path) as store:
        path.parent.rename(store.path_of("u").parent)
        with pytest.raises(DatabaseError, match="holds the thread 't', not 'u'"):
            await store.list_messages("u")


async def test_a_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    """
    A newer version's file is neither misread nor changed.
    """
    path = await written(tmp_path, [event()])
    later = path.read_bytes().replace(b'"format":1', b'"format":2') + b'{"seq'
    path.write_bytes(later)
    async with JsonlRunEventStore(tmp_path) as store:
        with pytest.raises(SchemaVersionError, match="format 2"):
            await store.put(**event())
    assert path.read_bytes() == later


async def test_deleted_events_are_gone_from_the_disk(tmp_path: Path) -> None:
    """
    After a deletion no file holds what was deleted, and the other lines are as they were.
    """
    batch = [event(run_id=f"r{n % 2}", content=f"secret {n}") for n in range(4)]
    path = await written(tmp_path, batch)
    kept = [line for line in path.read_bytes().splitlines() if b'"r0"' in line]
    async with JsonlRunEventStore(tmp_path) as store:
        await store.delete_by_run("t", "r1")
        before = path.read_bytes()
        assert before.splitlines()[1:] == kept
        await store.delete_by_run("t", "r1")
        assert path.read_bytes() == before
        await store.delete_by_thread("t")
    assert not any(b"secret" in each for each in files_below(tmp_path))


async def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the disk refuses, the caller is told, no log has a part, and the next write works.
    """
    async with JsonlRunEventStore(tmp_path) as store:
        await store.put_batch([event(content=1), event(thread_id="u", content=1)])
        sound, calls = os.fsync, []

        def full(file: int) -> None:
            calls.append(file)
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, "no space left")
            sound(file)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(DatabaseError, match="no space left"):
            await store.put_batch([event(content=2), event(thread_id="u", content=2)])
        monkeypatch.undo()
        for thread in ("t", "u"):
            assert contents(await store.list_messages(thread)) == [1]
            assert (await store.put(**event(thread_id=thread)))["seq"] == 2
    async with JsonlRunEventStore(tmp_path) as store:
        assert await store.count_messages("t") == await store.count_messages("u") == 2


async def test_an_acknowledged_event_was_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each put waits for the disk, and puts at the same time wait together.
    """
    async with JsonlRunEventStore(tmp_path) as store:
        await store.put(**event())
        sound, calls = os.fsync, []

        def counting(file: int) -> None:
            calls.append(os.fstat(file).st_size)
            sound(file)

        monkeypatch.setattr(os, "fsync", counting)
        await store.put(**event())
        assert calls == [store.path_of("t").stat().st_size]
        await asyncio.gather(*(store.put(**event()) for _ in range(100)))
        assert calls[-1] == store.path_of("t").stat().st_size
        assert len(calls) < 50


async def test_a_cancelled_put_leaves_the_store_sound(tmp_path: Path) -> None:
    """
    A put whose task is cancelled is there or not, and the others are numbered without gaps.
    """
    async with JsonlRunEventStore(tmp_path) as store:
        tasks = [asyncio.create_task(store.put(**event(content=n))) for n in range(30)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        done = [each for each in answers if isinstance(each, dict)]
        assert len(done) >= 15
        records = await store.list_messages("t", limit=None)
        assert seqs(records) == list(range(1, len(records) + 1))
        assert all(record in records for record in done)


async def test_a_store_whose_folder_was_taken_away_goes_on(tmp_path: Path) -> None:
    """
    Events go with their files, but a store that knew the numbers does not give them again.
    """
    async with JsonlRunEventStore(tmp_path) as store:
        await store.put_batch([event(), event()])
        shutil.rmtree(tmp_path / "threads")
        assert await store.list_messages("t") == []
        assert (await store.put(**event()))["seq"] == 3
        assert seqs(await store.list_messages("t")) == [3]


async def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """
    A folder that cannot be made or read is told as such.
    """
    (tmp_path / "file").write_text("not a folder")
    async with JsonlRunEventStore(tmp_path / "file") as store:
        with pytest.raises(DatabaseError, match="cannot use the run events in"):
            await store.put(**event())


async def test_reading_makes_no_folders(tmp_path: Path) -> None:
    """
    Asking for what is not there leaves no trace on the disk.
    """
    async with JsonlRunEventStore(tmp_path / "events") as store:
        await store.list_messages("t")
        await store.delete_by_thread("t")
    assert os.listdir(tmp_path) == []


async def test_forgotten_threads_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A store keeps few threads in mind, and knows the others all the same.
    """
    monkeypatch.setattr(jsonl_module, "_MOST_OPEN", 2)
    async with JsonlRunEventStore(tmp_path) as store:
        for turn in range(1, 4):
            puts = [store.put(**event(thread_id=f"t{n}")) for n in range(6)]
            assert seqs(await asyncio.gather(*puts)) == [turn] * 6
        assert [await store.count_messages(f"t{n}") for n in range(6)] == [3] * 6


def test_a_lock_held_for_too_long_is_told(tmp_path: Path) -> None:
    """
    Two openings of a lock file exclude each other, until the first lets go.
    """
    path = tmp_path / "lock"
    refused = pytest.raises(DatabaseError, match="has been locked for 0 s")
    with file_lock(path), refused, file_lock(path, patience_s=0):
        raise AssertionError("the lock was given twice")
    with file_lock(path, patience_s=0):
        assert locks.PATIENCE_S > 0
