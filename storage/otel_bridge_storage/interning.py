"""
Rows that are stored once and referred to: messages, resources and scopes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from otel_bridge_storage.allocation import Allocation
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.records import ResourceRecord, ScopeRecord
from otel_bridge_storage.schema import messages, resources, scopes
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.values import canonical, clean, encoder, plain

_KNOWN_LIMIT = 20_000
_OBJECTS_LIMIT = 256
_SHELF = 1 << 16
_SHELF_BYTES, _DIGEST_BYTES = 4, 16

_FIND_MESSAGES = Lookup(select(messages.c.hash, messages.c.id).where(KEYS), messages.c.hash)
_INSERT_MESSAGES = Rows(insert(messages))


class KnownRows:
    """
    What earlier transactions are known to have stored: hash to row id.

    Kept between transactions; only committed rows may enter, and a rollback of the
    database (a deleted file) must `forget`. What anybody erased is forgotten as a
    transaction begins.
    """

    def __init__(self, limit: int = _KNOWN_LIMIT) -> None:
        self._limit = limit
        self._erasures: int | None = None
        self.messages: OrderedDict[bytes, int] = OrderedDict()
        self.origins: dict[tuple[str, bytes], int] = {}
        self.objects: dict[int, tuple[object, int]] = {}

    def heed(self, erasures: int) -> None:
        """
        Forget everything if rows were erased since the last transaction.

        Args:
            erasures: How often rows were erased from the database so far.
        """
        if erasures != self._erasures:
            self.forget()
            self._erasures = erasures

    def remember(
        self,
        new: dict[bytes, int],
        origins: dict[tuple[str, bytes], int],
        objects: dict[int, tuple[object, int]],
    ) -> None:
        """
        Take in what a committed transaction stored.
        """
        self.messages.update(new)
        while len(self.messages) > self._limit:
            self.messages.popitem(last=False)
        if len(self.origins) > self._limit:
            self.origins.clear()
        self.origins.update(origins)
        if len(self.objects) > _OBJECTS_LIMIT:
            self.objects.clear()
        self.objects.update(objects)

    def forget(self) -> None:
        """
        Know nothing.
        """
        self.messages.clear()
        self.origins.clear()
        self.objects.clear()


class Texts:
    """
    The long texts of one transaction: first all are announced, then all have ids.

    Attributes:
        stored: The row ids of those that were looked for, by digest.
        dump: Writes prepared values, whose long texts have ids by then.
    """

    def __init__(self, connection: Connection, numbers: Allocation, known: KnownRows) -> None:
        self._connection = connection
        self._numbers = numbers
        self._known = known
        self._ids: dict[str, int] = {}
        self._pending: dict[str, bytes] = {}
        self.stored: dict[bytes, int] = {}
        self.dump = encoder(self._ids.__getitem__)

    def announce(self, body: str) -> None:
        """
        Tell of a text that an id will be asked for.
        """
        if body not in self._ids and body not in self._pending:
            digest = text_hash(body)
            row_id = self._known.messages.get(digest)
            if row_id is None:
                self._pending[body] = digest
            else:
                self._ids[body] = row_id

    def store(self) -> None:
        """
        Store what was announced and is not there yet.
        """
        if not self._pending:
            return
        wanted = {digest: body for body, digest in self._pending.items()}
        self._pending.clear()
        shelf = self._numbers.last("message") // _SHELF
        keys = [_key(number, d) for number in {max(shelf - 1, 0), shelf} for d in wanted]
        for row in _FIND_MESSAGES.rows(self._connection, keys):
            self.stored[row.hash[_SHELF_BYTES:]] = row.id
        new = {
            digest: self._numbers.next("message") for digest in wanted if digest not in self.stored
        }
        rows = [{"id": new[d], "hash": _key(shelf, d), "body": wanted[d]} for d in new]
        _INSERT_MESSAGES.write(self._connection, rows)
        self.stored.update(new)
        self._ids.update((body, self.stored[digest]) for digest, body in wanted.items())

    def ids(self, bodies: Sequence[str]) -> list[int]:
        """
        Give the row ids of texts, storing those that are new.
        """
        ids = self._ids
        if not all(body in ids for body in bodies):
            for body in bodies:
                self.announce(body)
            self.store()
        return [ids[body] for body in bodies]


class Origins:
    """
    The resources and scopes of one transaction.
    """

    def __init__(self, connection: Connection, known: KnownRows) -> None:
        self._connection = connection
        self._known = known
        # Holding on to the objects keeps their ids from being given to others.
        self.objects: dict[int, tuple[object, int]] = {}
        self.stored: dict[tuple[str, bytes], int] = {}

    def resource_id(self, resource: ResourceRecord) -> int:
        """
        Give the row id of a resource, storing it if it is new.
        """
        row_id = self._known_object(resource)
        if row_id is None:
            service = resource.attributes.get("service.name")
            entities = [
                [e.type, list(e.id_keys), list(e.description_keys), e.schema_url]
                for e in resource.entities
            ]
            row = {
                "service": None if service is None else fitting(str(service)),
                "attributes": plain(resource.attributes),
                "dropped_attributes": resource.dropped_attributes,
                "schema_url": clean(resource.schema_url),
                "entities": plain(entities),
            }
            row_id = self._intern(resources, row)
            self.objects[id(resource)] = (resource, row_id)
        return row_id

    def scope_id(self, scope: ScopeRecord) -> int:
        """
        Give the row id of a scope, storing it if it is new.
        """
        row_id = self._known_object(scope)
        if row_id is None:
            row = {
                "name": clean(scope.name),
                "version": clean(scope.version),
                "attributes": plain(scope.attributes),
                "dropped_attributes": scope.dropped_attributes,
                "schema_url": clean(scope.schema_url),
            }
            row_id = self._intern(scopes, row)
            self.objects[id(scope)] = (scope, row_id)
        return row_id

    def _known_object(self, item: object) -> int | None:
        known = self.objects.get(id(item)) or self._known.objects.get(id(item))
        return known[1] if known is not None else None

    def _intern(self, table: Table, row: dict[str, Any]) -> int:
        digest = text_hash(canonical(row))
        key = (table.name, digest)
        row_id = self._known.origins.get(key) or self.stored.get(key)
        if row_id is None:
            found = self._connection.execute(
                select(table.c.id).where(table.c.hash == digest)
            ).scalar()
            if found is None:
                statement = insert(table).values(hash=digest, **row).returning(table.c.id)
                found = self._connection.execute(statement).scalar_one()
            row_id = self.stored[key] = int(found)
        return row_id


def is_key_of(key: bytes, body: str) -> bool:
    """
    Whether a text may be stored under a key: that of its shelf, or the digest alone, as once.
    """
    return key[-_DIGEST_BYTES:] == text_hash(body)


def _key(shelf: int, digest: bytes) -> bytes:
    """
    Give the key of a text that is stored while some shelf is being filled.

    Digests are spread over the whole of an index, so that in a large one each new text
    would change a page of its own. What is stored within the same 65,536 texts lies
    together; what lies on neither of the last two shelves is stored once more.
    """
    return shelf.to_bytes(_SHELF_BYTES, "big") + digest


def text_hash(text: str) -> bytes:
    """
    Give the digest under which a text is stored: BLAKE2b of 128 bits.
    """
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
