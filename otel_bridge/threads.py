"""
Carrying the current run and session into other threads.

Tasks of asyncio inherit them by themselves; threads do not.
"""

import functools
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import context as otel
from opentelemetry.context import Context

from otel_bridge.scoping import entered

P = ParamSpec("P")
T = TypeVar("T")

_lock = threading.Lock()
_propagation: "_Propagation | None" = None


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """
    Bind a function to the current context, whichever thread calls it.

    Args:
        function: A plain or an async function.
    """
    return _bound(function, otel.get_current())


def propagate_to_threads() -> Callable[[], None]:
    """
    Make every thread, and every task given to a thread pool, start in the context of
    the code that started it.

    Called again, it changes nothing more.

    Returns:
        What undoes it.
    """
    global _propagation
    with _lock:
        if _propagation is None:
            _propagation = _Propagation()
            _propagation.install()
        return _undo


def _undo() -> None:
    global _propagation
    with _lock:
        if _propagation is not None:
            _propagation.remove()
            _propagation = None


class _Propagation:
    """
    Replacements for `Thread.start` and `ThreadPoolExecutor.submit`.

    Where somebody else has replaced them since, they cannot be taken out; they are then
    left in place and only pass calls on.
    """

    def __init__(self) -> None:
        self._active = True
        self._start = cast("Any", threading.Thread.start)
        self._submit = cast("Any", ThreadPoolExecutor.submit)

        @functools.wraps(self._start)
        def start(thread: threading.Thread) -> None:
            self._start_thread(thread)

        @functools.wraps(self._submit)
        def submit(
            pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **options: Any
        ) -> Future[Any]:
            return self._submit_task(pool, function, args, options)

        self._own_start: Any = start
        self._own_submit: Any = submit

    def install(self) -> None:
        """
        Put the replacements in place.
        """
        threading.Thread.start = self._own_start  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = self._own_submit  # type: ignore[method-assign]

    def remove(self) -> None:
        """
        Put the originals back.
        """
        self._active = False
        if threading.Thread.start is self._own_start:
            threading.Thread.start = self._start  # type: ignore[method-assign]
        if ThreadPoolExecutor.submit is self._own_submit:
            ThreadPoolExecutor.submit = self._submit  # type: ignore[method-assign]

    def _start_thread(self, thread: threading.Thread) -> None:
        context = otel.get_current()
        if not self._active or not context or "run" in vars(thread):
            self._start(thread)
            return
        original = thread.run

        def run() -> None:
            # Without this the thread and its own attribute would keep each other alive.
            vars(thread).pop("run", None)
            with entered(context):
                original()

        thread.run = run  # type: ignore[method-assign]
        try:
            self._start(thread)
        except BaseException:
            vars(thread).pop("run", None)
            raise

    def _submit_task(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Future[Any]:
        if not self._active:
            return cast("Future[Any]", self._submit(pool, function, *args, **options))
        task = _bound(function, otel.get_current())
        # A worker thread outlives the task that made the pool start it, so that thread
        # itself begins in an empty context.
        with entered(Context()):
            return cast("Future[Any]", self._submit(pool, task, *args, **options))


def _bound(function: Callable[P, T], context: Context) -> Callable[P, T]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: P.args, **options: P.kwargs) -> Any:
            with entered(context):
                return await function(*args, **options)

        return cast("Callable[P, T]", run_async)

    def run(*args: P.args, **options: P.kwargs) -> T:
        with entered(context):
            return function(*args, **options)

    # Callable objects and partials need not have what `wraps` copies.
    return functools.update_wrapper(run, function, updated=())
