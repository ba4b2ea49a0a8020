"""
What every fact has, and how a field names the attribute that carries it.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

PREFIX = "otel_bridge."


def at(attribute: str, *, content: bool = False) -> Any:
    """
    Declare an optional field and the attribute it maps to.

    Args:
        attribute: The attribute's name.
        content: The field may hold what people wrote, and obeys the content switches.
    """
    return field(default=None, metadata={"attribute": attribute, "content": content})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    One immutable thing that happened in a run.

    Attributes:
        run_id: The run it belongs to (`otel_bridge.run.id`).
        time_ns: When, in nanoseconds since the epoch, UTC; None for the moment of
            recording.
        fact_id: What tells this fact from others of its run (`otel_bridge.fact.id`);
            None to have one made.
        iteration: The turn of the agent's loop, from 1 (`otel_bridge.iteration`).
    """

    kind: ClassVar[str] = ""

    run_id: str
    time_ns: int | None = None
    fact_id: str | None = None
    iteration: int | None = None
