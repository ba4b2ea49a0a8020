"""
Destinations from a TOML file, one table `[[destination]]` each.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

from otel_bridge.forwarder.destination import Destination, DestinationError, check_names

_VARIABLE = re.compile(r"\$\{env:([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXTS = ("url", "name", "protocol", "certificate", "client_certificate", "client_key")
_LISTS = ("signals", "only", "drop", "hide", "redact")
_NUMBERS = ("sample", "timeout_s")
_KNOWN = {*_TEXTS, *_LISTS, *_NUMBERS, "headers", "content", "since"}
_REDACTED = "[redacted]"
_WRITTEN = {
    **dict.fromkeys(_TEXTS, "write a text"),
    **dict.fromkeys(_LISTS, "write a list of texts, such as ['…']"),
    **dict.fromkeys(_NUMBERS, "write a number"),
    "signals": "write ['traces'], ['logs'] or both",
    "content": "write true or false",
    "since": "write 'now', 'all' or a time with its zone, such as 2026-01-31T09:00:00Z",
}

Beginning = Literal["now", "all"]


def all_destinations(
    urls: Sequence[str], file: Path | None, *, since: Beginning = "now"
) -> list[Destination]:
    """
    Make destinations of URLs, and read those of a file.

    Args:
        since: Where those begin that do not say it.

    Raises:
        DestinationError: One of them makes no sense, or two have one name.
    """
    named = [Destination(url=url, since=since) for url in urls]
    found = named if file is None else [*named, *read_destinations(file, since=since)]
    check_names(found)
    return found


def read_destinations(path: Path, *, since: Beginning = "now") -> list[Destination]:
    """
    Read destinations from a file.

    The keys are the attributes of `Destination`; `redact` is a list of regular
    expressions, and what they match in content is replaced. `${env:NAME}` in a header or
    another text stands for an environment variable, and `${env:NAME:-default}` for one that
    may not be set.

    Args:
        since: Where those begin that do not say it.

    Raises:
        DestinationError: The file cannot be read, or makes no sense.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file).get("destination")
    except OSError as error:
        raise DestinationError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DestinationError(f"{path} is no TOML: {error}") from error
    if not isinstance(tables, list) or not tables:
        raise DestinationError(f"{path} names no destination: write [[destination]] tables")
    return [
        _destination(f"{path}, destination {n}", each, since) for n, each in enumerate(tables, 1)
    ]


def _destination(where: str, table: Any, since: Beginning) -> Destination:
    if not isinstance(table, dict) or not isinstance(table.get("url"), str):
        raise DestinationError(f"{where}: it has no url")
    if unknown := sorted(table.keys() - _KNOWN):
        raise DestinationError(
            f"{where}: {unknown[0]!r} is unknown; known are {', '.join(sorted(_KNOWN))}"
        )
    given = {"since": since, **table}
    given["since"] = _moment(given["since"])
    for name, value in given.items():
        _check(where, name, value)
    for key in given.keys() & _TEXTS:
        given[key] = _filled(f"{where}, {key}", given[key])
    given["headers"] = {
        key: _filled(f"{where}, header {key}", value)
        for key, value in given.get("headers", {}).items()
    }
    if patterns := given.pop("redact", None):
        given["redact"] = _redaction(where, patterns)
    try:
        return Destination(**given)
    except DestinationError as error:
        raise DestinationError(f"{where}: {error}") from error


def _check(where: str, name: str, value: Any) -> None:
    right = (
        (name in _TEXTS and isinstance(value, str))
        or (name in _LISTS and _are_texts(value))
        or (name in _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool))
        or (name == "content" and isinstance(value, bool))
        or (name == "headers" and isinstance(value, Mapping) and _are_texts([*value.values()]))
        or (name == "since" and (value in ("now", "all") or _is_moment(value)))
    )
    if right:
        return
    if isinstance(value, date | time):
        raise DestinationError(
            f"{where}: {name} = {value} has no date, time or time zone: "
            "write one such as 2026-01-31T09:00:00Z"
        )
    if name == "headers":
        # They hold credentials, which no message shows.
        raise DestinationError(f"{where}: headers must be texts: write {{ Name = '…' }}")
    raise DestinationError(f"{where}: {name} cannot be {value!r}: {_WRITTEN[name]}")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _moment(value: Any) -> Any:
    """
    Read a time that is in quotes, as `now` and `all` are; all else is left as it is.
    """
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _filled(where: str, text: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        name, has_default, default = match[1].partition(":-")
        if not _NAME.fullmatch(name):
            raise DestinationError(
                f"{where}: {match[0]} names no variable: "
                "write ${env:NAME} or ${env:NAME:-default}"
            )
        value = os.environ.get(name, default if has_default else None)
        if value is None:
            raise DestinationError(
                f"{where}: the environment has no {name}: set it, "
                f"or write ${{env:{name}:-default}}"
            )
        return value

    return _VARIABLE.sub(value_of, text)


def _redaction(where: str, patterns: list[str]) -> Any:
    try:
        compiled = [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise DestinationError(f"{where}: redact: {error}") from error

    def redact(_: str, text: str) -> str:
        for pattern in compiled:
            text = pattern.sub(_REDACTED, text)
        return text

    return redact
