"""
The Parquet files of a lake, in the dialect that every engine reads.
"""

from typing import Any


def write_parquet(stream: Any, batches: Any) -> None:
    """
    Write record batches as one Parquet file, a row group for each.

    Args:
        batches: An Arrow reader.
    """
    from pyarrow.parquet import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        ParquetWriter,
    )

    with ParquetWriter(
        stream, batches.schema, compression="zstd", version="2.6", store_schema=False
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)
