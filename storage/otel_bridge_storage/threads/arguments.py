"""
What callers gave, checked before anything is written.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, get_args
from uuid import UUID

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.run_events.event import checked_id
from otel_bridge_storage.run_events.json_values import json_copy
from otel_bridge_storage.threads.protocol import IfExists, RunStatus, ThreadStatus
from otel_bridge_storage.values import clean

THREAD_STATUSES: tuple[str, ...] = get_args(ThreadStatus)
RUN_STATUSES: tuple[str, ...] = get_args(RunStatus)
_IF_EXISTS: tuple[str, ...] = get_args(IfExists)


def given_id(value: Any, name: str) -> str:
    """
    Give an id as text; any that a database can hold, and a UUID as well.

    Raises:
        QueryError: It is empty, or no such text.
    """
    return checked_id(str(value) if isinstance(value, UUID) else value, name)


def given_ids(values: Any, name: str) -> list[str]:
    """
    Give ids as texts, each once.

    Raises:
        QueryError: They are no list, or one of them is no id.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise QueryError(f"{name}={values!r} is no list of ids: give a list of texts")
    return list(dict.fromkeys(given_id(value, f"{name}[]") for value in values))


def given_map(value: Any, name: str) -> dict[str, Any]:
    """
    Copy a map of what JSON can hold.

    Raises:
        QueryError: It is none, or holds something else; the error names the key.
    """
    if not isinstance(value, Mapping):
        raise QueryError(f"{name} is a {type(value).__qualname__}: give a dict")
    copied: dict[str, Any] = json_copy(dict(value), name)
    return copied


def given_text(value: Any, name: str) -> str:
    """
    Give a text in the form that a database can hold; it may be empty.

    Raises:
        QueryError: It is no text.
    """
    value = plain_value(value)
    if not isinstance(value, str):
        raise QueryError(f"{name}={value!r} is not a text: give one str")
    return clean(str.__str__(value)).replace("\0", "\ufffd")


def thread_status(value: Any) -> str:
    """
    Give a status that a thread can have.

    Raises:
        QueryError: There is no such status.
    """
    return one_of(value, THREAD_STATUSES, "the status of a thread")


def run_status(value: Any) -> str:
    """
    Give a status that a run can have.

    Raises:
        QueryError: There is no such status.
    """
    return one_of(value, RUN_STATUSES, "the status of a run")


def if_exists_mode(value: Any) -> str:
    """
    Give what is to be done where a thread is there already.

    Raises:
        QueryError: It is neither "raise" nor "do_nothing".
    """
    return one_of(value, _IF_EXISTS, "if_exists")


def one_of(value: Any, known: Iterable[str], name: str) -> str:
    """
    Give one of some texts, out of an enumeration where it is a member of one.

    Raises:
        QueryError: It is none of them.
    """
    value = plain_value(value)
    if not isinstance(value, str) or value not in known:
        raise QueryError(f"{name} cannot be {value!r}: use one of {', '.join(known)}")
    return str.__str__(value)


def whole(value: Any, name: str, least: int, most: int) -> int:
    """
    Give a whole number within bounds.

    Raises:
        QueryError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise QueryError(f"{name}={value!r} is not a whole number from {least} to {most}")
    return int(value)


def plain_value(value: Any) -> Any:
    """
    Give the value of a member of an enumeration, and anything else as it is.
    """
    return value.value if isinstance(value, Enum) else value


def fields_of(given: Any, names: Iterable[str], what: str) -> dict[str, Any]:
    """
    Read the fields of a dict, or of an object that has at least one of them.

    Raises:
        QueryError: A dict has other keys too, or an object has none of the fields.
    """
    names = tuple(names)
    if isinstance(given, Mapping):
        if unknown := sorted(str(key) for key in given if key not in names):
            raise QueryError(f"{what} has no {unknown[0]!r}: there are {', '.join(sorted(names))}")
        return dict(given)
    found = {name: getattr(given, name) for name in names if hasattr(given, name)}
    if not found:
        raise QueryError(
            f"{what} is a {type(given).__qualname__} with none of {', '.join(sorted(names))}"
        )
    return found
