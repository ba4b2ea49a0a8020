"""
Processes that are otel-bridge's own: commands and servers, not programs that it is part of.
"""

import gc
import os
import sys

_ALLOCATIONS = 20_000
_GENERATIONS = (20, 50)
_TURN_S = 0.0005


def prepare_own_process() -> None:
    """
    Set how Python looks for garbage, how its threads take turns and what gRPC logs; for a
    whole process.

    All rows of a batch are alive until it is stored: looking through them again and again
    for circles of garbage takes a tenth of the time of ingesting, and a fifth where batches
    are large. What is there already, which is what was imported, is looked through no more.

    A thread that comes back from the database waits for Python's lock while another is at
    work, a whole turn each time; with turns of the usual 5 ms a writer would stand still
    for as long as requests are decoded.

    gRPC would write each failed handshake to standard error in a form of its own, as often
    as anybody cares to make one; what a user needs of it is told by this program.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *_GENERATIONS)
    sys.setswitchinterval(_TURN_S)
