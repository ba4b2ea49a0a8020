"""
Databases to draw and to report on: a few weeks of agents, models, tools and failures.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from queries_data import MS, Recorded

DAY = 86_400_000 * MS
FIRST = 1_793_318_400 * 1000 * MS
"""
30 October 2026, 00:00 UTC.
"""
MODELS = (
    ("anthropic", "claude-sonnet-4-5", 3, 15),
    ("openai", "gpt-4o", 2.5, 10),
    ("openai", "gpt-4o-mini", 0.15, 0.6),
    ("house", "house-llama", None, None),
)
TOOLS = ("search", "read_file", "sql")


def recorded_weeks(
    path: Path,
    *,
    days: int = 20,
    runs_a_day: int = 4,
    agents: Sequence[str] = ("planner", "researcher", "writer"),
    models: Sequence[tuple[str, str, float | None, float | None]] = MODELS,
    tools: Sequence[str] = TOOLS,
    names: Sequence[str] = ("one", "two", "three"),
    reason: str = "Timeout",
) -> Path:
    """
    Record some days of runs, the same each time.

    Args:
        path: Where.
        days: How many days; none for an empty database.
        runs_a_day: How many runs each.
        agents: Their names.
        models: Providers and models with their prices in USD for a million tokens in
            and out; None for no price.
        tools: Names of tools.
        names: The ids of sessions and users.
        reason: The type and message of failures.
    """
    chance = random.Random(7)
    recorded = Recorded(path)
    with recorded:
        for number in range(days * runs_a_day):
            start = FIRST + number // runs_a_day * DAY + chance.randrange(8, 20) * DAY // 24
            failed = chance.random() < 0.1
            run = f"{number:032x}"
            recorded.run(
                run,
                started_ns=start,
                ended_ns=start + 5_000 * MS,
                agent_name=chance.choice(agents),
                session_id=chance.choice(names),
                user_id=chance.choice(names),
                status="error" if failed else "success",
                error_type=reason if failed else None,
                error_message=reason if failed else None,
            )
            for _ in range(chance.randrange(1, 4)):
                _call(recorded, run, start, chance, chance.choice(models), reason)
            for _ in range(chance.randrange(3)):
                recorded.tool_call(run, chance.choice(tools), start_ns=start)
    recorded.close()
    return path


def _call(
    recorded: Recorded,
    run: str,
    start: int,
    chance: random.Random,
    model: tuple[str, str, float | None, float | None],
    reason: str,
) -> None:
    provider, name, price_in, price_out = model
    tokens_in, tokens_out = chance.randrange(500, 9_000), chance.randrange(20, 900)
    failed = chance.random() < 0.1
    cost = None
    if price_in is not None and price_out is not None:
        cost = round((tokens_in * price_in + tokens_out * price_out) * 10**6)
    recorded.llm_call(
        run,
        start_ns=start,
        end_ns=start + chance.randrange(300, 4_000) * MS,
        provider=provider,
        request_model=name,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cache_read_tokens=tokens_in // 3,
        cost_picousd=cost,
        status="error" if failed else "ok",
        error_type=reason if failed else None,
        error_message=reason if failed else None,
    )
