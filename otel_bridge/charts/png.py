"""
Charts as PNG.
"""

from functools import cache

from otel_bridge_storage.errors import NotInstalledError

_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">'
    '<text y="8" font-size="8" font-family="sans-serif"{}</svg>'
)


def to_png(svg: str, *, zoom: float = 2.0) -> bytes:
    """
    Draw an SVG as PNG, in its light colours.

    Args:
        svg: The chart.
        zoom: How many pixels of the picture one of the chart is.

    Raises:
        NotInstalledError: resvg-py, or any font, is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise NotInstalledError(
            "resvg-py is not installed: run `pip install 'otel-bridge[charts]'`"
        ) from error
    if not _has_fonts():
        raise NotInstalledError(
            "no font is installed that a PNG could be written in: install one "
            "(on Debian: apt-get install fonts-dejavu-core), or make an SVG"
        )
    return resvg_py.svg_to_bytes(svg_string=svg, zoom=zoom)


@cache
def _has_fonts() -> bool:
    import resvg_py

    blank, written = (_PROBE.format(inner) for inner in ("/>", ">M</text>"))
    return resvg_py.svg_to_bytes(svg_string=blank) != resvg_py.svg_to_bytes(svg_string=written)
