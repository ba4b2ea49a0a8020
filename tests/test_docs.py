"""
What the documents say is what the code declares.
"""

import re
from pathlib import Path

import pytest
from attribute_tables import tables
from otel_bridge_storage.stream_rows import NOT_STREAMED, STREAM_TYPES

DOCS = Path(__file__).parents[1] / "docs"
REPO = DOCS.parent


def test_the_telemetry_document_holds_the_declared_attributes() -> None:
    """
    The tables of facts are those that the declarations make.
    """
    document = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    assert document.endswith(tables())


def test_the_run_log_document_names_every_item_of_a_stream() -> None:
    """
    Each kind of entry is in a row of the table with the item that it becomes.
    """
    document = (DOCS / "run-log.md").read_text(encoding="utf-8")
    table = [line for line in document.splitlines() if line.startswith("| `")]
    for kind, name in STREAM_TYPES.items():
        assert any(f"`{kind}`" in row and f"`{name}`" in row for row in table), kind
    assert all(f"`{kind}`" in document for kind in NOT_STREAMED)


def test_links_in_documents_lead_somewhere() -> None:
    """
    Each relative link in a document names a file or folder of the project.
    """
    if not (REPO / "storage").is_dir():
        pytest.skip("the sources that documents link to are not here")
    for document in [*REPO.glob("*.md"), *DOCS.rglob("*.md"), *REPO.glob("*/README.md")]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
