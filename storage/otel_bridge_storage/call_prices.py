"""
What a counted LLM call costs, from the columns of its row alone.

So that the same pricer gives the same cost whether a call arrives, is rebuilt or repriced.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Pricer, Usage

_NOT_YET = "the call is still running"
_NEVER = "the call failed without an answer"


def price_columns(pricer: Pricer, row: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the columns of cost of a call's row.

    Args:
        row: The other columns; of a copy, which is not counted, nothing is priced.
    """
    if not row["counted"]:
        return {"cost_picousd": None, "unpriced_reason": None}
    if row["output_tokens"] is None and row["status"] != "ok":
        reason = _NOT_YET if row["status"] == "running" else _NEVER
        return {"cost_picousd": None, "unpriced_reason": reason}
    price = pricer.price(
        provider=row["provider"],
        model=row["response_model"] or row["request_model"],
        usage=Usage(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cache_read_tokens=row["cache_read_tokens"],
            cache_write_tokens=row["cache_write_tokens"],
            cache_write_1h_tokens=row["cache_write_1h_tokens"],
            reasoning_tokens=row["reasoning_tokens"],
        ),
        time_ns=row["start_ns"],
        service_tier=row["service_tier"],
    )
    return {"cost_picousd": price.picousd, "unpriced_reason": price.unpriced_reason}
