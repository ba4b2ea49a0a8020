"""
Charts of reports, as SVG and PNG.
"""

from otel_bridge.charts.chart import KINDS, Chart, Kind, chart, drawn_measure
from otel_bridge.charts.palette import STYLE

__all__ = ["KINDS", "STYLE", "Chart", "Kind", "chart", "drawn_measure"]
