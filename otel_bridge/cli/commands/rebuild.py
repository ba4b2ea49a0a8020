"""
`otel-bridge rebuild`: make derived rows anew.
"""

from pathlib import Path

from otel_bridge_storage.addresses import address_of

from otel_bridge import maintenance
from otel_bridge.cli.output import write_line
from otel_bridge.cli.progress import progress


def rebuild(*, db: str, prices: Path | None = None) -> int:
    """
    Make runs, calls, steps and sessions anew, and say of how many spans.
    """
    with progress("spans", None) as done:
        shown = 0

        def tell(count: int, _: int) -> None:
            nonlocal shown
            done(count - shown)
            shown = count

        rebuilt = maintenance.rebuild(db, prices=prices, progress=tell)
    write_line(
        f"{address_of(db)}: {rebuilt.runs:,} runs made anew from {rebuilt.spans:,} spans "
        f"of {rebuilt.traces:,} traces"
    )
    return 0
