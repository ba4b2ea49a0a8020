"""
What people type to search, as an expression of SQLite's full-text search.

Nothing that is typed can be wrong syntax there: every word reaches SQLite as a quoted
string, and only what is written here stands between them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.search.words import spaced

_LONGEST = 4000
_MOST_TERMS = 64
_TERM = re.compile(r'(?P<minus>-)?(?:"(?P<phrase>[^"]*)(?:"(?P<star>\*)?|$)|(?P<word>[^\s"]+))')
_FORMS = 'give words, "a phrase", prefix*, one OR another, and -word for what must not be there'


@dataclass(frozen=True, slots=True)
class _Term:
    text: str
    prefix: bool = False
    excluded: bool = False
    operator: bool = False

    @property
    def quoted(self) -> str:
        """
        The term as SQLite takes it.
        """
        text = spaced(self.text).replace('"', " ")
        return f'"{text}"{" *" if self.prefix else ""}'


def parse(typed: str, has_words: Callable[[str], bool]) -> str:
    """
    Turn what was typed into an expression that SQLite understands.

    All words must be there, in any order; a quoted phrase as it stands; `OR` between two
    terms lets either do and binds more tightly than the space; `-` or `NOT` before a term
    excludes it; `*` after it takes it as a beginning.

    Args:
        has_words: Whether SQLite finds a word in a text. Terms that are punctuation alone
            are passed over.

    Raises:
        QueryError: It is too long, or says only what must not be there, or nothing.
    """
    if not isinstance(typed, str):
        raise QueryError(f"cannot search for {typed!r}: {_FORMS}")
    if len(typed) > _LONGEST:
        raise QueryError(f"the search is longer than {_LONGEST} characters: give fewer words")
    text = typed.encode("utf-8", "replace").decode("utf-8")
    terms = [term for term in _negated(_terms(text)) if term.operator or has_words(term.text)]
    if len(terms) > _MOST_TERMS:
        raise QueryError(f"the search has more than {_MOST_TERMS} words: give fewer")
    wanted = _groups([term for term in terms if not term.excluded])
    excluded = [term.quoted for term in terms if term.excluded]
    if not wanted:
        what = "only says what must not be there" if excluded else "has no word in it"
        raise QueryError(f"the search {what}: {_FORMS}")
    said = " AND ".join(f"({' OR '.join(group)})" for group in wanted)
    return f"({said}) NOT ({' OR '.join(excluded)})" if excluded else said


def _terms(text: str) -> Iterator[_Term]:
    for found in _TERM.finditer(text):
        excluded = found["minus"] is not None
        if found["phrase"] is not None:
            yield _Term(found["phrase"], found["star"] is not None, excluded)
        elif found["word"] in ("AND", "OR", "NOT") and not excluded:
            yield _Term(found["word"], operator=True)
        else:
            word = found["word"]
            yield _Term(word.rstrip("*"), word.endswith("*"), excluded)


def _negated(terms: Iterator[_Term]) -> Iterator[_Term]:
    """
    Take NOT for a minus before the next term; AND says nothing new.
    """
    negative = False
    for term in terms:
        if term.operator and term.text != "OR":
            negative = negative or term.text == "NOT"
        elif negative and not term.operator:
            yield _Term(term.text, term.prefix, excluded=True)
            negative = False
        else:
            yield term


def _groups(terms: list[_Term]) -> list[list[str]]:
    """
    Give the terms that must be there, each with those that do instead.
    """
    groups: list[list[str]] = []
    joins = False
    for term in terms:
        if term.operator:
            joins = bool(groups)
        elif joins:
            groups[-1].append(term.quoted)
            joins = False
        else:
            groups.append([term.quoted])
    return groups
