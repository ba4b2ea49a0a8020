"""
docs/sql.md says what the views are, and its questions are answered.
"""

import re
from pathlib import Path

import pytest
from otel_bridge_queries import Queries, described_views
from otel_bridge_queries.described import schema_comment
from otel_bridge_queries.engine import read_sql
from queries_data import MS, NOON, Recorded
from view_tables import tables

DOCUMENT = Path(__file__).parents[1] / "docs" / "sql.md"
QUESTIONS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
PARAMETERS = {"session": "s", "run": "one"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database in which each question has an answer.
    """
    recorded = Recorded(tmp_path_factory.mktemp("docs") / "runs.db")
    with recorded:
        recorded.session("s")
        recorded.run("one", ("red", "new"), session_id="s", metadata='{"plan":"pro"}')
        recorded.run("two", session_id="s", parent_run_id="one", started_ns=NOON + MS)
        recorded.llm_call("one", request_model="m", status="error", error_type="Overloaded")
        recorded.llm_call(
            "one",
            request_model="m",
            cost_picousd=10**12,
            input_tokens=100,
            cache_read_tokens=60,
            time_to_first_chunk_ns=MS,
        )
        recorded.tool_call("two", "search", status="error", error_type="TimeoutError")
        recorded.step("one", 0, "user", recorded.said("Why?"))
        recorded.step("two", 0, "tool", recorded.said("So."), tool_name="search")
        recorded.event("one", "run.paused")
        recorded.event("one", "run.resumed")
    recorded.close()
    return recorded.path


def test_the_document_holds_the_comments() -> None:
    """
    The tables of docs/sql.md are those that the comments make.
    """
    assert DOCUMENT.read_text("utf-8").endswith(tables())


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_each_question_of_the_document_is_answered(path: Path, question: str) -> None:
    """
    A question runs as it stands, and finds something.
    """
    named = {name: PARAMETERS[name] for name in re.findall(r"\$(\w+)", question)}
    with Queries(path) as queries:
        assert queries.sql(question, named or None).rows


def test_there_are_questions() -> None:
    """
    The document has the questions that it promises.
    """
    assert len(QUESTIONS) >= 10


def test_every_view_and_column_is_described_once() -> None:
    """
    No view or column is without a comment, and none says again what the schema says.
    """
    views = described_views()
    assert [view.name for view in views if not view.comment] == []
    columns = [(view.name, each.name, each.comment) for view in views for each in view.columns]
    assert [column for column in columns if not column[2]] == []
    own = {
        (view, name): comment
        for view, name, comment in re.findall(
            r"COMMENT ON COLUMN (\w+)\.(\w+) IS\s'(.*)';", read_sql("setup/comments.sql")
        )
    }
    assert own.keys() <= {(view, name) for view, name, _ in columns}
    assert [key for key, comment in own.items() if comment == schema_comment(*key)] == []
