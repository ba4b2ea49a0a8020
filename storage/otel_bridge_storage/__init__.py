"""
The ground floor: facts, records, tables, the ingest and the stores.

Its modules are imported one by one; what users need is handed on by `otel_bridge`.
"""

__all__: list[str] = []
