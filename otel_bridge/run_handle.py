"""
The handle of a run.
"""

from dataclasses import replace
from typing import Any

from otel_bridge_storage.facts import Fact, RunCancelled, RunFailed, RunFinished, RunStarted

from otel_bridge.arguments import text
from otel_bridge.emitter import Emitter
from otel_bridge.failures import error_message, error_type
from otel_bridge.handle import Handle
from otel_bridge.run_actions import RunActions


class RunHandle(Handle, RunActions):
    """
    One invocation of an agent.

    An exception that leaves the `with` block fails the run, a cancellation or an
    interrupt cancels it; both go on unchanged.
    """

    def __init__(self, emitter: Emitter, started: RunStarted) -> None:
        super().__init__(emitter)
        self._started = started
        self._outcome: Fact | None = None
        self._error: BaseException | None = None
        self._output: Any = None

    @property
    def id(self) -> str:
        """
        The run's id.
        """
        return self._started.run_id

    def finish(self, output: Any = None, termination_reason: str | None = None) -> None:
        """
        Tell what the run answered; it ends with its `with` block, or at once outside one.

        Args:
            output: Text or messages.
            termination_reason: Such as `completed` or `max_steps`.
        """
        self._settle(
            RunFinished(run_id=self.id, output=output, termination_reason=text(termination_reason))
        )

    def cancel(self, reason: str | None = None) -> None:
        """
        Tell that the run was stopped from outside.
        """
        self._settle(RunCancelled(run_id=self.id, reason=text(reason)))

    def fail(
        self,
        error: BaseException | str | None = None,
        *,
        error_type: str | None = None,
        termination_reason: str | None = None,
    ) -> None:
        """
        Tell that the run failed, where no exception tells it.
        """
        raised = error if isinstance(error, BaseException) else None
        failed = _failure(self.id, error)
        self._settle(
            replace(
                failed,
                error_type=text(error_type) or failed.error_type,
                termination_reason=text(termination_reason),
            ),
            raised,
        )

    def note(self, result: object) -> None:
        """
        Keep what the run answered, to be told at its end.
        """
        self._output = result

    def _run(self) -> str:
        self._begin()
        return self.id

    def _start_fact(self, time_ns: int) -> RunStarted:
        return replace(self._started, time_ns=time_ns)

    def _settle(self, outcome: Fact, error: BaseException | None = None) -> None:
        if self._outcome is None:
            self._outcome, self._error = outcome, error
        if not self._entered:
            self.conclude(None)

    def _leave(self, error: BaseException | None) -> None:
        output = None if self._output is None else RunFinished(run_id=self.id, output=self._output)
        if isinstance(error, Exception):
            self._end(_failure(self.id, error), error=error, also=self._finished() or output)
        elif self._outcome is not None:
            self._end(self._outcome, error=self._error)
        elif error is not None:
            self._end(RunCancelled(run_id=self.id, reason=error_type(error)), also=output)
        elif self._emitter.pause_of(self.id) is not None:
            self._ended = True
            self._emitter.suspend(self.id)
        else:
            self._end(output or RunFinished(run_id=self.id))

    def _finished(self) -> RunFinished | None:
        return self._outcome if isinstance(self._outcome, RunFinished) else None


def _failure(run_id: str, error: BaseException | str | None) -> RunFailed:
    if isinstance(error, BaseException):
        return RunFailed(
            run_id=run_id, error_type=error_type(error), error_message=error_message(error)
        )
    return RunFailed(
        run_id=run_id,
        error_type="_OTHER",
        error_message=text(error),
    )
