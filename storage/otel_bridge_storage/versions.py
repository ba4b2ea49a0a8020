"""
What is said to those whose database and whose otel-bridge do not fit together.
"""

from otel_bridge_storage.errors import SchemaVersionError

SCHEMA_VERSION = 5


def check_version(database: object, version: int) -> None:
    """
    Refuse a database whose schema is not the one of this version.

    Raises:
        SchemaVersionError: It is another one.
    """
    if version != SCHEMA_VERSION:
        raise version_error(database, version)


def version_error(database: object, version: int) -> SchemaVersionError:
    """
    Make the error for a database whose schema is not the one of this version.
    """
    known = f"{database} has schema {version}, this otel-bridge knows {SCHEMA_VERSION}"
    if version > SCHEMA_VERSION:
        return SchemaVersionError(f"{known}: run `pip install --upgrade otel-bridge`")
    return SchemaVersionError(
        f"{known}: run `otel-bridge rebuild --db {database}` once to bring it up to date"
    )
