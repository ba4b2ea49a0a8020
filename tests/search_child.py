"""
A program that searches a database when told to, and prints the hits' ids.

Usage: search_child.py DATABASE WORDS
"""

import sys

from otel_bridge_queries import Queries


def main(database: str, words: str) -> None:
    """
    Search once for each line that comes in, from the same `Queries`.
    """
    with Queries(database) as queries:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            found = queries.search(words, limit=10_000).dicts()
            ids = sorted(row["message_id"] for row in found)
            sys.stdout.write(f"{' '.join(map(str, ids))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
