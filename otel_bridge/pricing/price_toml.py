"""
Reading a price file: TOML into entries, with every number exact.

A mistake is told with the entry it is in and what to write instead.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from otel_bridge_storage.errors import PriceFileError

from otel_bridge.pricing.price_entries import Entry, Pattern
from otel_bridge.pricing.price_terms import TERMS, Place, read_rates, read_tiers

_TERMS = ("model", "provider", "from", "until", *TERMS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_entries(path: Path) -> list[Entry]:
    """
    Read a price file.

    Raises:
        PriceFileError: It cannot be read, or says something that makes no sense.
    """
    entries: list[Entry] = []
    numbers: dict[tuple[object, ...], int] = {}
    for number, table in enumerate(_tables(path), 1):
        place = Place(f"{path}: price {number}{_named(table)}", path.name)
        entry = _entry(place, table)
        if entry.subject in numbers:
            place.refuse(
                f"is about the same as price {numbers[entry.subject]}: "
                "make them one, or tell them apart by from and until"
            )
        numbers[entry.subject] = number
        entries.append(entry)
    return entries


def _tables(path: Path) -> list[dict[str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise PriceFileError(
            f"cannot read the price file {path}: {error.strerror or error}"
        ) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise PriceFileError(f"the price file {path} is not valid TOML: {error}") from error
    for name in document:
        if name != "price":
            raise PriceFileError(
                f"{path}: {name!r} means nothing here: begin each entry with [[price]]"
            )
    tables: object = document.get("price", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PriceFileError(f"{path}: `price` is no list of entries: begin each with [[price]]")
    return tables


def _named(table: Mapping[str, Any]) -> str:
    model = table.get("model")
    return f" ({model})" if isinstance(model, str) else ""


def _entry(place: Place, table: Mapping[str, Any]) -> Entry:
    place.only(table, _TERMS)
    model = _name(place, table, "model", 'model = "gpt-4o" or model = "gpt-4o*"')
    if model is None:
        place.refuse('names no model: write model = "gpt-4o", or model = "gpt-4o*" for several')
    rates = read_rates(place, table)
    tiers = read_tiers(place, table)
    if rates is None and not tiers:
        place.refuse("gives no price: write input and output, free = true, or batch_discount")
    starts, ends = (_moment_ns(place, table, name) for name in ("from", "until"))
    if starts is not None and ends is not None and starts >= ends:
        place.refuse("ends before it begins: `until` must be later than `from`")
    return Entry(
        model=model,
        provider=_name(place, table, "provider", 'provider = "openai"'),
        from_ns=starts,
        until_ns=ends,
        rates=rates,
        tiers=tiers,
    )


def _name(place: Place, table: Mapping[str, Any], field: str, example: str) -> Pattern | None:
    value = table.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        place.refuse(f"has {field} = {value!r}, which is no name: write {example}")
    return Pattern(value.strip())


def _moment_ns(place: Place, table: Mapping[str, Any], name: str) -> int | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, date):
        place.refuse(f"has {name} = {value!r}, which is no date: write {name} = 2026-01-31")
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """
    Give entries with the most specific first, and else as they are in the file.
    """
    return sorted(entries, key=lambda entry: entry.rank, reverse=True)
