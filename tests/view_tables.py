"""
The tables of docs/sql.md, made of the views' and the schema's own comments.

Run it to print them: `python tests/view_tables.py`.
"""

import sys

from otel_bridge_queries import View, described_views


def table(view: View) -> str:
    """
    Write the section of one view.
    """
    lines = [f"### {view.name}", "", view.comment, "", "| column | type | what |", "|---|---|---|"]
    lines += [f"| {each.name} | {each.type} | {each.comment} |" for each in view.columns]
    return "\n".join(lines)


def tables() -> str:
    """
    Write the sections of all views.
    """
    return "\n\n".join(map(table, described_views())) + "\n"


if __name__ == "__main__":
    sys.stdout.write(tables())
