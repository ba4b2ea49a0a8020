"""
The handle of a tool call.
"""

from dataclasses import replace
from typing import Any, TypeVar

from otel_bridge_storage.facts import ToolStepCommitted, ToolStepStarted

from otel_bridge.arguments import text
from otel_bridge.emitter import Emitter
from otel_bridge.failures import error_message, error_type
from otel_bridge.handle import Handle

T = TypeVar("T")


class ToolHandle(Handle):
    """
    One execution of a tool.
    """

    def __init__(self, emitter: Emitter, started: ToolStepStarted) -> None:
        super().__init__(emitter)
        self._started = started
        self._result: Any = None
        self._problem: BaseException | str | None = None

    @property
    def id(self) -> str:
        """
        The id of the call.
        """
        return self._started.tool_call_id

    def result(self, value: T) -> T:
        """
        Tell what the tool answered.

        Returns:
            The value itself.
        """
        self._begin()
        self._result = value
        self._end_unless_entered()
        return value

    def note(self, result: object) -> None:
        """
        Keep what the tool answered, to be told at its end.
        """
        self._result = result

    def fail(self, error: BaseException | str) -> None:
        """
        Tell that the tool failed, where that is not told by an exception.
        """
        self._begin()
        self._problem = error
        self._end_unless_entered()

    def close(self) -> None:
        """
        End a call that was not entered with `with`.
        """
        self._end_unless_entered()

    def _start_fact(self, time_ns: int) -> ToolStepStarted:
        return replace(self._started, time_ns=time_ns)

    def _leave(self, error: BaseException | None) -> None:
        # A generator that is closed has done what was asked of it.
        stopped = isinstance(error, GeneratorExit)
        self._commit(self._problem if error is None or stopped else error)

    def _end_unless_entered(self) -> None:
        if not self._entered and not self._ended:
            self._commit(self._problem)

    def _commit(self, problem: BaseException | str | None) -> None:
        committed = ToolStepCommitted(
            run_id=self._started.run_id,
            tool_call_id=self._started.tool_call_id,
            tool_name=self._started.tool_name,
            result=self._result,
        )
        if isinstance(problem, BaseException):
            failed = replace(
                committed,
                is_error=True,
                error_type=error_type(problem),
                error_message=error_message(problem),
            )
            self._end(failed, error=problem)
        elif problem is not None:
            self._end(
                replace(committed, is_error=True, error_type="_OTHER", error_message=text(problem))
            )
        else:
            self._end(committed)
