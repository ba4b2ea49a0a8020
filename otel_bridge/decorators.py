"""
Functions whose calls are recorded, whatever sort of function they are.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, TypeVar, cast

from otel_bridge_storage.json_ready import described, json_text

from otel_bridge.failures import Faults
from otel_bridge.handle import Handle

F = TypeVar("F", bound=Callable[..., Any])
Start = Callable[[Mapping[str, Any]], Handle]

HandleOf = Callable[[tuple[Any, ...], dict[str, Any]], Handle]
Wrap = Callable[[Callable[..., Any], HandleOf], Callable[..., Any]]

_MOST_KEPT = 10_000


def recorded(function: F, start: Start, faults: Faults) -> F:
    """
    Wrap a function so that each call of it is recorded.

    Args:
        function: Plain, async, a generator or an async generator; also one of these in a
            `classmethod` or a `staticmethod`.
        start: Makes the handle of a call of its arguments by name.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(function, classmethod | staticmethod):
        return cast("F", type(function)(recorded(function.__func__, start, faults)))
    if not callable(function):
        raise TypeError(
            f"only a function can be recorded, not {described(function)}: put the decorator "
            "above one"
        )

    def handle_of(args: tuple[Any, ...], options: dict[str, Any]) -> Handle:
        arguments: dict[str, Any] = {}
        with faults.contained("naming the arguments of a call"):
            arguments = _by_name(function, args, options)
        return start(arguments)

    wrap = next(wrap for is_sort, wrap in _SORTS if is_sort(function))
    return cast("F", functools.wraps(function)(wrap(function, handle_of)))


def name_of(function: Callable[..., Any], name: object) -> str:
    """
    Give the name that was chosen, or the function's own.
    """
    return name if isinstance(name, str) else getattr(function, "__name__", "function")


def is_function(thing: object) -> bool:
    """
    Whether something is what a decorator without parentheses is given.
    """
    return callable(thing) or isinstance(thing, classmethod | staticmethod)


def agent_input(arguments: Mapping[str, Any]) -> Any:
    """
    Say what an agent was asked: its only argument where that reads as a message or
    several, else all of them as JSON text.
    """
    if not arguments:
        return None
    values = list(arguments.values())
    if len(values) == 1 and isinstance(values[0], str | list):
        return values[0]
    return json_text(arguments)


def _by_name(
    function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    signature = inspect.signature(function)
    named = dict(signature.bind(*args, **options).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name, {}))
    first = next(iter(signature.parameters), "")
    if first in ("self", "cls"):
        named.pop(first, None)
    return named


def _wrap_plain(function: Callable[..., Any], handle_of: HandleOf) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        with handle_of(args, options) as handle:
            result = function(*args, **options)
            handle.note(result)
            return result

    return call


def _wrap_async(function: Callable[..., Any], handle_of: HandleOf) -> Callable[..., Any]:
    async def call(*args: Any, **options: Any) -> Any:
        with handle_of(args, options) as handle:
            result = await function(*args, **options)
            handle.note(result)
            return result

    return call


def _wrap_generator(function: Callable[..., Any], handle_of: HandleOf) -> Callable[..., Any]:
    def generate(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        handle = handle_of(args, options)
        generator = function(*args, **options)
        kept: list[Any] = []
        advance: Callable[[], Any] = functools.partial(generator.send, None)
        while True:
            try:
                # Its span is current only while its own code runs, not its consumer's.
                with handle.current():
                    item = advance()
            except StopIteration as stop:
                _end(handle, kept if stop.value is None else [stop.value], None)
                return stop.value
            except BaseException as error:
                _end(handle, kept, error)
                raise
            _keep(kept, item)
            try:
                sent = yield item
            except GeneratorExit as closed:
                try:
                    with handle.current():
                        generator.close()
                finally:
                    _end(handle, kept, closed)
                raise
            except BaseException as error:  # noqa: BLE001 - thrown into the generator
                advance = functools.partial(generator.throw, error)
            else:
                advance = functools.partial(generator.send, sent)

    return generate


def _wrap_async_generator(function: Callable[..., Any], handle_of: HandleOf) -> Callable[..., Any]:
    async def generate(*args: Any, **options: Any) -> AsyncGenerator[Any, Any]:
        handle = handle_of(args, options)
        generator = function(*args, **options)
        kept: list[Any] = []
        advance: Callable[[], Any] = functools.partial(generator.asend, None)
        while True:
            try:
                with handle.current():
                    item = await advance()
            except StopAsyncIteration:
                _end(handle, kept, None)
                return
            except BaseException as error:
                _end(handle, kept, error)
                raise
            _keep(kept, item)
            try:
                sent = yield item
            except GeneratorExit as closed:
                try:
                    with handle.current():
                        await generator.aclose()
                finally:
                    _end(handle, kept, closed)
                raise
            except BaseException as error:  # noqa: BLE001 - thrown into the generator
                advance = functools.partial(generator.athrow, error)
            else:
                advance = functools.partial(generator.asend, sent)

    return generate


def _keep(kept: list[Any], item: Any) -> None:
    if len(kept) < _MOST_KEPT:
        kept.append(item)


def _end(handle: Handle, kept: list[Any], error: BaseException | None) -> None:
    if len(kept) == 1:
        handle.note(kept[0])
    elif kept:
        texts = all(isinstance(item, str) for item in kept)
        handle.note("".join(kept) if texts else kept)
    handle.conclude(error)


_SORTS: tuple[tuple[Callable[[Any], bool], Wrap], ...] = (
    (inspect.isasyncgenfunction, _wrap_async_generator),
    (inspect.isgeneratorfunction, _wrap_generator),
    (inspect.iscoroutinefunction, _wrap_async),
    (callable, _wrap_plain),
)
