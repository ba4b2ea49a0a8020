"""
Everything that otel-bridge raises on purpose.

    OtelBridgeError
    ├── DatabaseError
    │   ├── DatabaseNotFoundError
    │   ├── NotADatabaseError
    │   ├── SchemaVersionError
    │   ├── DatabaseDamagedError
    │   └── DatabaseUnavailableError
    ├── MalformedTelemetryError
    ├── PriceFileError
    ├── QueryError
    ├── LakeError
    ├── ThreadExistsError
    ├── ThreadNotFoundError
    ├── RunExistsError
    └── NotInstalledError

A message says what was wrong, where, and what to do about it.
"""


class OtelBridgeError(Exception):
    """
    The base of every error that otel-bridge raises on purpose.
    """


class DatabaseError(OtelBridgeError):
    """
    A database could not be opened, read or written.
    """


class DatabaseNotFoundError(DatabaseError):
    """
    A database was to be read and does not exist.
    """


class NotADatabaseError(DatabaseError):
    """
    The file is not a SQLite database, or is one that belongs to another program.
    """


class SchemaVersionError(DatabaseError):
    """
    The database was written by a version whose schema this version cannot use.
    """


class DatabaseDamagedError(DatabaseError):
    """
    The database's file is damaged.
    """


class DatabaseUnavailableError(DatabaseError):
    """
    The database cannot be used now, and may be later: it is locked, the disk is full, the
    folder may not be written, or the server is away.
    """


class MalformedTelemetryError(OtelBridgeError, ValueError):
    """
    Bytes or JSON that were to be OTLP are not.
    """


class PriceFileError(OtelBridgeError, ValueError):
    """
    A file of the user's own prices cannot be read, or says something that makes no sense.
    """


class QueryError(OtelBridgeError, ValueError):
    """
    A report was asked for with arguments that make no sense.
    """


class LakeError(OtelBridgeError):
    """
    A lake of Parquet files could not be reached, read or written.
    """


class ThreadExistsError(OtelBridgeError):
    """
    A thread was to be made whose id another has.
    """


class ThreadNotFoundError(OtelBridgeError, LookupError):
    """
    A thread was to be changed, or to get a run, and does not exist or has expired.
    """


class RunExistsError(OtelBridgeError):
    """
    A run was to be made whose id another has.
    """


class NotInstalledError(OtelBridgeError):
    """
    An optional library is needed for what was asked and is not installed.
    """
