"""
The tables of docs/telemetry.md, made of the declarations of the facts.

Run it to print them: `python tests/attribute_tables.py`.
"""

import re
import sys
from dataclasses import fields

from otel_bridge_storage import facts


def _about(kind: type[facts.Fact]) -> dict[str, str]:
    """
    Read what a fact's docstring says of each field.
    """
    section = (kind.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^ {8}(\w+): (.*?)(?=^ {8}\w+: |\Z)", section, re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in found}


def _sentence(kind: type[facts.Fact]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def table(kind: type[facts.Fact]) -> str:
    """
    Write the section of one fact.
    """
    about = _about(kind)
    lines = [f"### {kind.__name__} (`{kind.kind}`)", "", _sentence(kind), ""]
    lines += ["| field | attribute | content | what |", "|---|---|---|---|"]
    for each in fields(kind):
        if "attribute" in each.metadata:
            name = each.metadata["attribute"]
            what = re.sub(r"\s*\(`[^)]*\)|^`[^`]*`\.?$", "", about.get(each.name, "")).strip()
            content = "yes" if each.metadata["content"] else ""
            lines.append(f"| {each.name} | `{name}` | {content} | {what} |")
    return "\n".join(lines)


def tables() -> str:
    """
    Write the sections of all facts.
    """
    spans = "\n\n".join(table(kind) for kind in facts.SPAN_FACTS)
    events = "\n\n".join(table(kind) for kind in (*facts.EVENT_FACTS, facts.CustomFact))
    return f"## Facts that are spans\n\n{spans}\n\n## Facts that are events\n\n{events}\n"


if __name__ == "__main__":
    sys.stdout.write(tables())
