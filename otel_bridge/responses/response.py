"""
What a response of any client says, in one form.
"""

from dataclasses import dataclass, field
from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    A model's answer; what it does not say is None or empty.

    Attributes:
        response_id: The provider's id of the answer.
        output: Messages in the form of the GenAI conventions.
        usage: Tokens, with cache in the input and reasoning in the output.
        cost_usd: What the provider says the call cost, USD.
    """

    model: str | None = None
    response_id: str | None = None
    output: list[Message] = field(default_factory=list)
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None

    def fields(self) -> dict[str, Any]:
        """
        Give what is known, named as the fields of `LLMCallCompleted`.
        """
        known = {
            "model": self.model,
            "response_id": self.response_id,
            "output": self.output or None,
            "finish_reasons": self.finish_reasons or None,
            "cost_usd": self.cost_usd,
            **usage_fields(self.usage),
        }
        return {name: value for name, value in known.items() if value is not None}


def usage_fields(usage: Usage) -> dict[str, int]:
    """
    Give the token counts that are known, by name.
    """
    counts = {name: getattr(usage, name) for name in usage.__slots__}
    return {name: value for name, value in counts.items() if value is not None}
