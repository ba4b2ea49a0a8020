"""
Instrumentations that record the same runs of LangChain once more.
"""

import contextlib
import sys

from otel_bridge_storage.rare_warnings import RareWarnings

_TWINS = {"openinference.instrumentation.langchain": "LangChainInstrumentor"}
_rarely = RareWarnings(3600.0)


def warn_of_twins() -> None:
    """
    Say that an instrumentation of LangChain records the same runs.

    Of two recorders of one framework the calls to models are told to be the same; their
    runs and tools are not.
    """
    for module, name in _TWINS.items():
        if _is_active(module, name):
            _rarely.warn(
                module,
                "%s records the same runs as the callback handler: each run is shown twice, "
                "and so are its tools. Use one of the two",
                module,
            )


def _is_active(module: str, name: str) -> bool:
    instrumentor = getattr(sys.modules.get(module), name, None)
    with contextlib.suppress(Exception):
        return bool(instrumentor and instrumentor().is_instrumented_by_opentelemetry)
    return False
