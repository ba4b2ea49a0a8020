"""
Sessions: who a stretch of a program works for, marked on every span made inside it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span
from otel_bridge_storage.json_ready import json_text

from otel_bridge import arguments
from otel_bridge.scoping import Scope

_KEY = otel.create_key("otel-bridge-session")

CONVERSATION_ID = "gen_ai.conversation.id"
SESSION_ID = "session.id"
USER_ID = "user.id"
TAGS = "otel_bridge.tags"
METADATA = "otel_bridge.metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """
    What a session says about the spans inside it.

    Attributes:
        session_id: The conversation.
    """

    session_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def inside(self, outer: "SessionContext | None") -> "SessionContext":
        """
        Put this session into another: what this one says wins, tags and metadata join.
        """
        if outer is None:
            return self
        return SessionContext(
            session_id=self.session_id or outer.session_id,
            user_id=self.user_id or outer.user_id,
            tags=tuple(dict.fromkeys((*outer.tags, *self.tags))),
            metadata={**outer.metadata, **self.metadata},
        )


class Session:
    """
    A session that is entered with `with` or `async with`.

    What is not text where text belongs is written as text; nothing here raises.
    """

    def __init__(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._said = SessionContext(
            session_id=arguments.text(session_id),
            user_id=arguments.text(user_id),
            tags=arguments.tags(tags),
            metadata=arguments.mapping(metadata),
        )
        self._scopes: list[Scope] = []

    def __enter__(self) -> Self:
        self._scopes.append(Scope.enter(with_session(self._said)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scopes:
            self._scopes.pop().leave()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def session(
    session_id: str | None = None,
    *,
    user_id: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Session:
    """
    Mark every span made inside the `with` block, whichever instrumentation makes it.

    Args:
        session_id: The conversation.
        tags: Labels to find the runs by.
        metadata: Anything JSON can hold. Inside another session tags and metadata are
            joined, and what the inner one says wins.
    """
    return Session(session_id, user_id=user_id, tags=tags, metadata=metadata)


def with_session(said: SessionContext, context: Context | None = None) -> Context:
    """
    Put a session into a context, inside the one that is there.
    """
    return otel.set_value(_KEY, said.inside(current_session(context)), context)


def current_session(context: Context | None = None) -> SessionContext | None:
    """
    Find the session of a context; of the current one where none is given.
    """
    found = otel.get_value(_KEY, context)
    return found if isinstance(found, SessionContext) else None


def mark(span: Span, context: Context | None = None) -> None:
    """
    Write the context's session on a span that has just started.

    What the span says itself stays; its own tags and metadata are joined with the
    session's.
    """
    said = current_session(context)
    if said is None or not span.is_recording():
        return
    has = getattr(span, "attributes", None) or {}
    marks: dict[str, Any] = {}
    if said.session_id is not None:
        marks[CONVERSATION_ID] = has.get(CONVERSATION_ID, said.session_id)
        marks[SESSION_ID] = has.get(SESSION_ID, marks[CONVERSATION_ID])
    if said.user_id is not None:
        marks[USER_ID] = has.get(USER_ID, said.user_id)
    if said.tags:
        marks[TAGS] = list(dict.fromkeys((*said.tags, *arguments.tags(has.get(TAGS)))))
    if said.metadata:
        marks[METADATA] = json_text({**said.metadata, **_map(has.get(METADATA))})
    if marks:
        span.set_attributes(marks)


def _map(text: object) -> Mapping[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
