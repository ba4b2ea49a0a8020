"""
The page as one document: it asks for nothing from anywhere, and runs only its own script.
"""

import base64
import hashlib
from functools import cache
from importlib import resources
from importlib.metadata import version

from otel_bridge.charts import STYLE
from otel_bridge.charts.svg import escaped
from otel_bridge.cli.page.figures import Asked, Figures
from otel_bridge.cli.page.html import paragraph
from otel_bridge.cli.page.sections import headline, sections

_NAMES = {
    "since": "since",
    "until": "until",
    "agent_name": "agent",
    "model": "model",
    "provider": "provider",
    "session_id": "session",
    "user_id": "user",
    "run_id": "run",
    "service": "service",
    "tag": "tag",
}


def document(figures: Figures, asked: Asked) -> str:
    """
    Write the page.
    """
    style, script = f"{STYLE}\n{_file('page.css')}", _file("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    body = "".join(sections(figures, asked))
    if not body:
        body = paragraph("Nothing was recorded in this time.", "empty")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n'
        f"<title>{escaped(asked.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escaped(asked.title)}</h1>{_about(figures, asked)}</header>\n"
        f"<main>{headline(figures)}{body}</main>\n"
        f"<footer>{_made(asked)}</footer>\n<script>{script}</script>\n"
        "</body>\n</html>\n"
    )


def _about(figures: Figures, asked: Asked) -> str:
    said = []
    if figures.days:
        first, last = figures.days[0], figures.days[-1]
        said.append(f"{first.day} {first:%b %Y}")
        if first != last:
            said[0] += f" – {last.day} {last:%b %Y}"
    said.append(asked.timezone)
    for name, value in asked.filters.items():
        if value is not None and name in _NAMES:
            said.append(f"{_NAMES[name]} {value}")
    return paragraph(" · ".join(said), "about")


def _made(asked: Asked) -> str:
    said = f"Made {asked.made_at:%Y-%m-%d %H:%M %Z} by otel-bridge {version('otel-bridge')}."
    return paragraph(f"{said} Costs marked ≥ leave out calls without a known price.")


@cache
def _file(name: str) -> str:
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    # The hash is over what the browser reads, which has no carriage returns.
    return text.replace("\r\n", "\n")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
