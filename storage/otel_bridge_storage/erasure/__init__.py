"""
Erasing what was recorded: on request, by age and by size.
"""

from otel_bridge_storage.erasure.erased import Erased
from otel_bridge_storage.erasure.requests import HOLD_TAG, erase
from otel_bridge_storage.erasure.retention import prune

__all__ = ["HOLD_TAG", "Erased", "erase", "prune"]
