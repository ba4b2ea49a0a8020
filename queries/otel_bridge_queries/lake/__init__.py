"""
A lake: what databases hold, as Parquet files by day, for engines beyond this machine.
"""

from otel_bridge_queries.lake.exporting import Exported, LakeExport
from otel_bridge_queries.lake.tables import NAMES

__all__ = ["NAMES", "Exported", "LakeExport"]
