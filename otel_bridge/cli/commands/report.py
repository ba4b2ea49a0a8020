"""
`otel-bridge report`: what the agents cost and how they did, as one HTML page.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from otel_bridge_queries import Queries

from otel_bridge.cli.destination import written_to
from otel_bridge.cli.formats import Format
from otel_bridge.cli.page import Asked, collect, document
from otel_bridge.cli.reports import report as ask
from otel_bridge.cli.reports import with_whole_run


def report(*, db: str, html: Path, filters: Mapping[str, Any], title: str) -> int:
    """
    Write the page to a file, or to standard output for `-`.
    """
    chosen = with_whole_run(db, filters)

    def page(queries: Queries) -> str:
        figures = collect(queries, Asked(chosen, title, datetime.now(UTC)))
        zone = ZoneInfo(str(chosen.get("timezone") or "UTC"))
        return document(figures, Asked(chosen, title, datetime.now(zone)))

    written = ask(db, page)
    with written_to(html, Format.TABLE):
        sys.stdout.write(written)
    return 0
