"""
The last step of a report: texts in the place of their ids, local times, metadata.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from otel_bridge_queries.loader import Moment
from otel_bridge_queries.result import Result


def with_texts(result: Result, columns: Sequence[str], moment: Moment) -> Result:
    """
    Put the texts of messages in the place of their ids.
    """
    if not columns:
        return result
    places = [result.columns.index(name) for name in columns]
    ids = {row[place] for row in result.rows for place in places} - {None}
    texts = moment.texts(ids)
    for place in places:
        result = _changed(result, place, "VARCHAR", texts.get)
    return result


def with_metadata(result: Result) -> Result:
    """
    Turn the JSON text of the runs' metadata into what it says.
    """
    return _changed(result, result.columns.index("metadata"), "JSON", _parsed)


def in_zone(result: Result, columns: Sequence[str], zone: ZoneInfo) -> Result:
    """
    Give the moments of those of the columns that are there in a time zone.
    """
    for place, name in enumerate(result.columns):
        if name in columns:
            result = _changed(
                result,
                place,
                result.types[place],
                lambda moment: None if moment is None else moment.astimezone(zone),
            )
    return result


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _changed(result: Result, place: int, kind: str, change: Callable[[Any], Any]) -> Result:
    return Result(
        result.columns,
        (*result.types[:place], kind, *result.types[place + 1 :]),
        [(*row[:place], change(row[place]), *row[place + 1 :]) for row in result.rows],
    )
