"""
The demo's program: who asks which agent for what, recorded into one database.
"""

from collections.abc import Iterator
from pathlib import Path

import openai

from otel_bridge.bridge import install
from otel_bridge.demo.agents import Planner, Writer
from otel_bridge.demo.fresh import SERVICE
from otel_bridge.demo.model_server import ModelServer


def record(path: Path) -> Iterator[str]:
    """
    Run the agents.

    Yields:
        What they said, a line at a time, for people.
    """
    with ModelServer() as models, install(path, service_name=SERVICE) as bridge:
        planner, writer = Planner(bridge, models.url), Writer(bridge, models.url)
        with bridge.session("lisbon-trip", user_id="ada", tags=["demo", "travel"]):
            yield f"planner: {planner.plan('Plan a weekend in Lisbon')}"
            yield f"writer:  {writer.write('Write a postcard from Lisbon')}"
        with bridge.session("guide-book", user_id="bob", tags=["demo"]):
            try:
                writer.write("Summarise the whole guide book", model="gpt-4o")
            except openai.BadRequestError as error:
                yield f"writer:  failed, {error}"
