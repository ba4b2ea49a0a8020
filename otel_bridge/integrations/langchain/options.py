"""
What a program tells its callback handler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    What is known of the runs of one handler, before what LangChain tells of them.

    Attributes:
        agent_name: The lead agent's name.
        session_id: The conversation.
        tags: Labels to find the runs by.
        metadata: Anything JSON can hold.
        capture_content: Whether what people wrote is recorded.
    """

    agent_name: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    capture_content: bool = True
