"""
What the commands of all reports have in common: filters, and where rows are written.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, get_type_hints

import typer

from otel_bridge.cli import options

Filters = dict[str, Any]
# What can be typed, and which filter of the reports it is.
_OPTIONS: Mapping[str, tuple[str, Any, Any]] = {
    "since": ("since", options.SinceText, None),
    "until": ("until", options.UntilText, None),
    "agent": ("agent_name", options.Agent, None),
    "model": ("model", options.Model, None),
    "provider": ("provider", options.Provider, None),
    "operation": ("operation", options.Operation, None),
    "session": ("session_id", options.Session, None),
    "user": ("user_id", options.User, None),
    "tenant": ("tenant_id", options.Tenant, None),
    "run": ("run_id", options.Run, None),
    "service": ("service", options.Service, None),
    "tag": ("tag", options.Tag, None),
    "metadata": ("metadata", options.Metadata, None),
    "timezone": ("timezone", options.Timezone, "UTC"),
}


def filtered(*, without: Collection[str] = ()) -> Callable[[Callable[..., int]], Any]:
    """
    Give a command the options of all filters; it gets them as one argument, `filters`.

    Where the command prints rows in a form, it gets the option `--output` as well.

    Args:
        without: The options that make no sense for it.
    """
    chosen = {name: each for name, each in _OPTIONS.items() if name not in without}

    def decorated(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def called(**typed: Any) -> int:
            found = {each[0]: typed.pop(name) for name, each in chosen.items()}
            if found.get("metadata") is not None:
                found["metadata"] = metadata_of(found["metadata"])
            if not prints_rows:
                return command(**typed, filters=found)
            from otel_bridge.cli.destination import written_to

            with written_to(typed.pop("output"), typed["form"]):
                return command(**typed, filters=found)

        prints_rows = "form" in inspect.signature(command).parameters
        shared = chosen | ({"output": ("", options.Output, None)} if prints_rows else {})
        # Typer reads the signature to know what can be typed.
        called.__signature__ = _signature(command, shared)  # type: ignore[attr-defined]
        return called

    return decorated


def metadata_of(typed: Sequence[str]) -> dict[str, list[str]]:
    """
    Read `KEY=VALUE` texts; a key that is there twice may have either value.

    Raises:
        typer.BadParameter: One of them has no `=`.
    """
    wishes: dict[str, list[str]] = {}
    for each in typed:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"--metadata {each!r} is not of the form KEY=VALUE")
        wishes.setdefault(key, []).append(value)
    return wishes


def _signature(
    command: Callable[..., int], chosen: Mapping[str, tuple[str, Any, Any]]
) -> inspect.Signature:
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "filters"
    ]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (_, kind, default) in chosen.items()
    ]
    return inspect.Signature([*own, *shared])
