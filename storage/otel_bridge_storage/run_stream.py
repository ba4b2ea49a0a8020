"""
The stream of a run, rebuilt from its log entry by entry.

Each item follows from the entries up to it alone, so that the stream is the same for
those who read it while the run goes on, afterwards, or from some index on.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from sqlalchemy import Connection

from otel_bridge_storage.arguments import given_index
from otel_bridge_storage.following import follow
from otel_bridge_storage.read_engine import ReadEngine
from otel_bridge_storage.step_records import said
from otel_bridge_storage.step_rows import ASSISTANT, TOOL, Step, gist
from otel_bridge_storage.stream_entries import ToldEntry, ToldSource, told_entries
from otel_bridge_storage.stream_rows import (
    CUSTOM,
    NOT_STREAMED,
    STREAM_TYPES,
    StreamedStep,
    StreamItem,
)


def get_stream(
    connection: Connection, run_id: str, *, after: int | None, as_of: int | None
) -> list[StreamItem]:
    """
    List the items of a run after one index and up to another.
    """
    first, last = given_index(after, "after_sequence_index"), given_index(as_of, "as_of")
    entries = told_entries(
        connection,
        run_id,
        after=None,
        before=None if last is None else last + 1,
        limit=None,
    )
    items = _Items()
    found = [item for each in entries if (item := items.item(each)) is not None]
    return [item for item in found if first is None or item.sequence_index > first]


def follow_stream(
    engine: ReadEngine, run_id: str, *, after: int | None
) -> AsyncGenerator[StreamItem, None]:
    """
    Give the items of a run after an index as they come, up to the run's end.

    Raises:
        QueryError: The id is no text, or the index is no number.
    """
    first = given_index(after, "after_sequence_index")
    # What was told before is read once more: it says which steps are told already.
    return _items_of(follow(engine, ToldSource(run_id), after=None), first)


async def _items_of(
    told: AsyncGenerator[ToldEntry, None], first: int | None
) -> AsyncGenerator[StreamItem, None]:
    items = _Items()
    async with aclosing(told) as entries:
        async for entry in entries:
            item = items.item(entry)
            if item is not None and (first is None or item.sequence_index > first):
                yield item


class _Items:
    """
    Makes items of entries, which are given in order and from the first.
    """

    def __init__(self) -> None:
        self._steps = _StepsTold()

    def item(self, entry: ToldEntry) -> StreamItem | None:
        """
        Give the item that an entry is; None for what is not for a stream.
        """
        event = entry.event
        steps = tuple(self._steps.streamed(entry))
        if event.event_type in NOT_STREAMED:
            return None
        return StreamItem(
            sequence_index=event.sequence_index,
            type=STREAM_TYPES.get(event.event_type, CUSTOM),
            event_type=event.event_type,
            run_id=event.run_id,
            iteration_index=event.iteration_index,
            created_at=event.created_at,
            time_ns=event.time_ns,
            steps=steps,
            data=event.data,
        )


class _StepsTold:
    """
    Knows which steps were told, and which of them another one takes the place of.

    The rules are those of `step_rows.steps_of`, applied to what is known so far.
    """

    def __init__(self) -> None:
        self._of_call: defaultdict[str, list[str]] = defaultdict(list)
        self._saying: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self._committed_calls: set[str] = set()
        self._committed_sayings: Counter[tuple[str, str]] = Counter()
        self._replaced: set[str] = set()
        self._asked: Step | None = None
        self._answers: list[str] | None = []

    def streamed(self, entry: ToldEntry) -> Iterator[StreamedStep]:
        """
        List the steps of an entry that were not told before.
        """
        for step in entry.steps:
            replaced = self._ask(step) if entry.asked else self._join(step, entry)
            if replaced is not None:
                self._replaced.update(replaced)
                yield _streamed(step, replaced)

    def _join(self, step: Step, entry: ToldEntry) -> list[str] | None:
        """
        Say which steps a step takes the place of; None where it was told already.
        """
        replaced = self._commit(step) if step.committed else self._tell(step)
        if step.role != ASSISTANT or replaced is None:
            return replaced
        if entry.answered:
            return self._answer(step)
        # A run's answer is a step only as long as no call tells what was said.
        answers, self._answers = self._answers or [], None
        return [*replaced, *answers]

    def _ask(self, step: Step) -> list[str] | None:
        """
        Let what the user said be taken from the earliest call.
        """
        before = self._asked
        if before is not None and before.place <= step.place:
            return None
        self._asked = step
        # Where the runtime committed what the user said, it has taken the place already.
        gone = before is not None and before.step_id in self._replaced
        replaced = None if gone else self._tell(step)
        if replaced is None:
            self._replaced.add(step.step_id)
            return None
        return replaced if before is None else [*replaced, before.step_id]

    def _answer(self, step: Step) -> list[str] | None:
        if self._answers is None:
            return None
        answers, self._answers = self._answers, [step.step_id]
        return answers

    def _commit(self, step: Step) -> list[str]:
        if step.call_id is not None:
            self._committed_calls.add(step.call_id)
            return self._of_call.pop(step.call_id, [])
        if not isinstance(step.body, str):
            return []
        saying = (step.role, gist(step.body))
        same = [step_id for step_id in self._saying[saying] if step_id not in self._replaced]
        if same:
            return same[:1]
        self._committed_sayings[saying] += 1
        return []

    def _tell(self, step: Step) -> list[str] | None:
        if step.role == TOOL:
            return []
        if step.role == ASSISTANT and step.call_id in self._committed_calls:
            return None
        saying = (step.role, gist(step.body)) if isinstance(step.body, str) else None
        if saying is not None and self._committed_sayings[saying] > 0:
            self._committed_sayings[saying] -= 1
            return None
        if saying is not None:
            self._saying[saying].append(step.step_id)
        if step.call_id is not None:
            self._of_call[step.call_id].append(step.step_id)
        return []


def _streamed(step: Step, replaced: list[str]) -> StreamedStep:
    body = step.body if isinstance(step.body, str) else None
    content, parts = said(step.role, step.tool_call_id, body)
    return StreamedStep(
        step_id=step.step_id,
        role=step.role,
        content=content,
        parts=parts,
        call_id=step.call_id,
        tool_call_id=step.tool_call_id,
        tool_name=step.tool_name,
        is_error=step.is_error,
        replaces=replaced,
    )
