"""
What every kind of database does when something goes wrong.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator

import pytest
from backends import MEMORY, POSTGRES, Backend, picture, read, store, table
from otel_bridge_queries import Queries
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.database import Database, may_pass
from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    NotADatabaseError,
    NotInstalledError,
    SchemaVersionError,
)
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.schema import messages
from otel_bridge_storage.statements import Rows
from postgres_server import NOT_RUN, Server, find_binaries, fresh_server
from recording_data import AGENT, CHAT, eventually, recorded
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from stored import PRICER, READER
from trees import agent, chat, span

RUN = [span(1, 1, **agent("a")), span(1, 2, 1, **chat("r", 3))]
SECRET = "tr0ub4dor"


def test_what_fails_leaves_nothing(backend: Backend) -> None:
    """
    A transaction that fails, by the database or by its user, is undone, and the next one
    goes on as if it had not been.
    """

    def fail(database: Database, statement: str) -> None:
        with database.transaction() as connection:
            connection.execute(text("UPDATE counters SET value = 9"))
            connection.execute(text(statement))
            raise ZeroDivisionError

    with open_database(backend.target) as database:
        with pytest.raises(IntegrityError):
            fail(database, "INSERT INTO counters VALUES ('span', 1)")
        with pytest.raises(ZeroDivisionError):
            fail(database, "UPDATE counters SET value = 8")
        assert {row["value"] for row in table(backend.target, "counters")} == {0}
        Ingestor(database, reader=READER, pricer=PRICER).apply(RUN)
    assert len(table(backend.target, "llm_calls")) == 1


def test_an_ingest_that_failed_can_be_done_again(backend: Backend) -> None:
    """
    What a failed batch thought it had stored is stored when the batch comes again.
    """
    whole = backend.fresh()
    store(whole, [RUN])
    with open_database(backend.target) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        with database.transaction() as connection:
            connection.execute(text("ALTER TABLE steps RENAME TO elsewhere"))
        with pytest.raises(DBAPIError):
            ingestor.apply(RUN)
        with database.transaction() as connection:
            connection.execute(text("ALTER TABLE elsewhere RENAME TO steps"))
        ingestor.apply(RUN)
        assert ingestor.apply(RUN).spans == 0
    assert picture(backend.target) == picture(whole)


def test_a_lock_that_is_held_too_long_may_pass(backend: Backend) -> None:
    """
    Who waits in vain for another writer gets an error that says to try again, and does.
    """
    with (
        open_database(backend.target) as one,
        open_database(backend.target, busy_timeout_s=0.05) as other,
    ):
        with one.transaction():
            with pytest.raises(OperationalError) as caught, other.transaction():
                pass
            assert may_pass(caught.value)
        with other.transaction() as connection:
            connection.execute(text("UPDATE counters SET value = value + 1"))
    assert {row["value"] for row in table(backend.target, "counters")} == {1}


def test_readers_go_on_while_somebody_writes(backend: Backend) -> None:
    """
    A reader sees the last commit while a transaction is under way.
    """
    if backend.may("readers and the writer"):
        pytest.skip("a reader waits for the writer there")
    store(backend.target, [RUN])
    with open_database(backend.target) as database, database.transaction() as connection:
        connection.execute(text("UPDATE runs SET agent_name = 'b'"))
        assert [row["agent_name"] for row in table(backend.target, "runs")] == ["a"]


def test_a_read_is_of_one_moment(backend: Backend) -> None:
    """
    What is committed between two looks of one read is in neither.
    """
    if backend.may("readers and the writer"):
        pytest.skip("a writer waits for the reader there")
    store(backend.target, [RUN])

    def look_twice(connection: object) -> list[str]:
        seen = []
        for _ in range(2):
            seen += connection.execute(text("SELECT agent_name FROM runs")).scalars()  # type: ignore[attr-defined]
            change = threading.Thread(target=rename)
            change.start()
            change.join()
        return seen

    def rename() -> None:
        with open_database(backend.target) as database, database.transaction() as connection:
            connection.execute(text("UPDATE runs SET agent_name = 'b'"))

    assert read(backend.target, look_twice) == ["a", "a"]


def test_reading_cannot_write(backend: Backend) -> None:
    """
    A reader has no right to change anything.
    """
    store(backend.target, [RUN])
    with pytest.raises(DatabaseError):
        read(backend.target, lambda connection: connection.execute(text("DELETE FROM steps")))


def test_a_newer_schema_is_refused(backend: Backend) -> None:
    """
    What a later version made is left alone, by writers and by readers.
    """
    store(backend.target, [RUN])
    with open_database(backend.target) as database:
        with database.transaction() as connection:
            connection.execute(text("UPDATE schema_info SET version = version + 1"))
        with pytest.raises(SchemaVersionError), database.transaction():
            pass
        with pytest.raises(SchemaVersionError):
            open_database(backend.target).close()
    if backend.kind != MEMORY:
        with pytest.raises(SchemaVersionError):
            table(backend.target, "runs")


def test_it_can_be_opened_again_and_compacted(backend: Backend) -> None:
    """
    Writing everything anew, letting go and coming back lose nothing.
    """
    store(backend.target, [RUN])
    before = picture(backend.target)
    with open_database(backend.target) as database:
        assert database.size() > 0
        database.compact()
        database.suspend()
        assert database.size() > 0
        assert not database.vanished()
    assert picture(backend.target) == before


@pytest.fixture
def server() -> Iterator[Server]:
    """
    Give a PostgreSQL server that a test may stop.
    """
    if find_binaries() is None:
        pytest.skip(NOT_RUN)
    with fresh_server() as made:
        yield made


def test_a_server_may_go_and_come_back(server: Server) -> None:
    """
    While the server is away writers are told that it may pass, and go on when it is there.
    """
    with open_database(server.url) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        ingestor.apply(RUN[:1])
        server.stop()
        for _ in range(2):
            with pytest.raises(OperationalError) as caught:
                ingestor.apply(RUN)
            assert may_pass(caught.value)
        with pytest.raises(DatabaseUnavailableError):
            open_database(server.url)
        server.start()
        ingestor.apply(RUN)
    assert len(table(server.url, "llm_calls")) == 1


def test_tables_of_another_program_are_refused(postgres_url: str, tmp_path: object) -> None:
    """
    A schema in which others have tables of our names is not written to.
    """
    backend = Backend(POSTGRES, tmp_path, postgres_url)  # type: ignore[arg-type]
    try:
        with open_database(backend.target) as database, database.transaction() as connection:
            connection.execute(text("DROP TABLE schema_info"))
        with pytest.raises(NotADatabaseError, match="another program"):
            open_database(backend.target)
    finally:
        backend.close()


@pytest.mark.parametrize("raw", [True, False])
def test_what_people_wrote_is_in_no_error(raw: bool, backend: Backend) -> None:
    """
    The error of a row that the database refuses does not show the row.
    """
    row = {"id": 1, "hash": b"1", "body": SECRET}

    def refuse(database: Database) -> None:
        with database.transaction() as connection:
            if raw:
                Rows(insert(messages)).write(connection, [row, row])
            else:
                connection.execute(insert(messages), {**row, "hash": None})

    with open_database(backend.target) as database:
        with pytest.raises(IntegrityError) as caught:
            refuse(database)
        shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "messages" in str(caught.value)


@pytest.mark.parametrize("port", ["1", "not-a-port"])
@pytest.mark.parametrize("form", ["me:{}@127.0.0.1:{}/db", "me@127.0.0.1:{1}/db?password={0}"])
def test_a_password_is_never_shown(port: str, form: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    No message, representation or log has the password of a URL.
    """
    url = "postgresql://" + form.format(SECRET, port)
    with pytest.raises(DatabaseError) as caught:
        open_database(url)
    shown = [str(caught.value), repr(caught.value), caplog.text]
    if port == "1":
        address = address_of(url)
        shown += [str(address), repr(address)]
        with pytest.raises(DatabaseError) as again:
            table(url, "runs")
        shown += [str(again.value), repr(again.value)]
    assert not any(SECRET in text for text in shown)


@pytest.mark.parametrize("opens", [open_database, Queries, RunStore.from_url])
def test_the_driver_is_an_extra(
    opens: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who has not installed the driver is told how to.
    """
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'otel-bridge\[postgres\]"):
        opens("postgresql://me@127.0.0.1:1/db")


def test_an_agent_records_through_a_restart_of_the_server(server: Server) -> None:
    """
    What an agent does while its server is away waits, and is stored once it is back.
    """
    with recorded(server.url) as (provider, processor):
        tracer = provider.get_tracer("tests")
        with tracer.start_as_current_span("before", attributes=AGENT):
            assert processor.force_flush(20_000)
            server.stop()
            for number in range(20):
                with tracer.start_as_current_span(f"away {number}", attributes=CHAT):
                    pass
            assert not processor.force_flush(50)
            server.start()
            assert eventually(lambda: processor.force_flush(20_000))
            with tracer.start_as_current_span("after", attributes=CHAT):
                pass
    names = sorted(row["name"] for row in table(server.url, "spans") if row["end_ns"])
    assert names == sorted(["before", "after", *(f"away {number}" for number in range(20))])
    (run,) = table(server.url, "runs")
    assert (run["llm_calls"], run["status"]) == (21, "success")


def test_an_agent_may_start_before_its_server(server: Server) -> None:
    """
    A program that records into a server which is away runs, and is stored later.
    """
    open_database(server.url).close()
    server.stop()
    with recorded(server.url) as (provider, processor):
        with provider.get_tracer("tests").start_as_current_span("early", attributes=AGENT):
            assert not processor.force_flush(50)
            server.start()
        assert eventually(lambda: processor.force_flush(20_000))
    assert [row["name"] for row in table(server.url, "spans")] == ["early"]


def test_records_of_every_kind_of_database(backend: Backend) -> None:
    """
    What is recorded through a processor is there after a flush.
    """
    with recorded(backend.target) as (provider, processor):
        tracer = provider.get_tracer("tests")
        with tracer.start_as_current_span("run", attributes=AGENT):
            with tracer.start_as_current_span("call", attributes=CHAT):
                pass
            assert processor.force_flush(20_000)
            assert [row["llm_calls"] for row in table(backend.target, "runs")] == [1]
    assert [row["status"] for row in table(backend.target, "runs")] == ["success"]
