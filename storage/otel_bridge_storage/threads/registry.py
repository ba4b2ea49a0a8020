"""
Which store of metadata a URL names, and how other packages add one.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from os import PathLike
from typing import Any, cast

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.schemes import SchemeRegistry, scheme_of
from otel_bridge_storage.threads.protocol import MetadataStoreProtocol
from otel_bridge_storage.threads.store import MetadataStore

GROUP = "otel_bridge.metadata_stores"

MetadataStoreOpener = Callable[..., MetadataStoreProtocol]

_stores: SchemeRegistry[MetadataStoreProtocol] = SchemeRegistry("metadata stores")


def register_metadata_store(
    *schemes: str,
) -> Callable[[MetadataStoreOpener], MetadataStoreOpener]:
    """
    Make a decorator that registers what makes a store, for URLs of some schemes.

    It is called with the URL and with the options given to `open_metadata_store`. An
    installed package need not be imported for that: it may name it, under the scheme, as
    an entry point of the group `otel_bridge.metadata_stores`.
    """
    return _stores.register(*schemes)


def metadata_store(url: str | PathLike[str], **options: Any) -> MetadataStoreProtocol:
    """
    Make the store that a URL names; the caller sets it up and closes it.

    Raises:
        DatabaseError: Nothing is registered for the scheme, or what is makes no store.
    """
    opener = cast("MetadataStoreOpener", _find(url))
    store = opener(str(url), **options)
    if not isinstance(store, MetadataStoreProtocol):
        lacking = [name for name in _METHODS if not hasattr(store, name)]
        raise DatabaseError(
            f"what is registered for {scheme_of(url)} URLs gave a {type(store).__qualname__}, "
            f"which is no metadata store: it has no {lacking[0]}"
        )
    return store


@asynccontextmanager
async def open_metadata_store(
    url: str | PathLike[str], **options: Any
) -> AsyncIterator[MetadataStoreProtocol]:
    """
    Open the store that a URL names, for as long as the context lasts.

    Args:
        url: A path, `sqlite:///PATH`, `memory://NAME`,
            `postgresql://USER:PASSWORD@HOST:PORT/NAME`, or of a registered scheme.
        options: For whatever makes the store.

    Raises:
        DatabaseError: Nothing is registered for the scheme, or the store cannot be opened.
    """
    store = metadata_store(url, **options)
    try:
        await store.setup()
        yield store
    finally:
        await store.aclose()


@register_metadata_store("sqlite", "memory", "postgresql", "postgres")
def _ours(url: str, **options: Any) -> MetadataStore:
    return MetadataStore(url, **options)


def _find(url: str | PathLike[str]) -> Callable[[str], MetadataStoreProtocol]:
    scheme = scheme_of(url)
    if scheme.partition("+")[0] not in _stores.schemes:
        for point in entry_points(group=GROUP):
            if point.name.lower() in (scheme, scheme.partition("+")[0]):
                register_metadata_store(point.name)(point.load())
    return _stores.find(url)


_METHODS = sorted(name for name in vars(MetadataStoreProtocol) if not name.startswith("_"))
