"""
`otel-bridge demo`: a small multi-agent program, recorded and shown.
"""

from otel_bridge_storage.addresses import file_path

from otel_bridge.demo.tour import DEFAULT_PATH, tour


def demo(*, db: str | None, keep: bool) -> int:
    """
    Record the demo into a fresh database and print what there is to see.
    """
    tour(file_path(db) if db else DEFAULT_PATH, keep=keep)
    return 0
