"""
The lines above a run's tree: what it was asked, how it went, what it took and cost.
"""

from collections.abc import Iterator, Sequence

from otel_bridge_storage.log_rows import RunState
from otel_bridge_storage.rows import RunDetail, RunSummary

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.stories import Story
from otel_bridge.cli.tables import STATUS_STYLES
from otel_bridge.cli.texts import cost, count, duration, moment

Totals = RunSummary | RunState

_TEXT_SHOWN = 300


def header(story: Story) -> Iterator[tuple[str, str]]:
    """
    Give the lines of a run's header, each with its style.
    """
    run = story.run
    yield f"{one_line(run.agent_name or '(no agent)')} – {run.status}", _style(run)
    for name, value in _fields(story):
        if value:
            style = "red" if name == "error" else ""
            yield f"  {name:<9}{one_line(value)}", style


def _fields(story: Story) -> Iterator[tuple[str, str | None]]:
    run = story.run
    family = list(_family(story))
    yield "run", run.run_id
    yield "parent", run.parent_run_id
    yield "session", run.session_id
    yield "user", run.user_id
    yield "tags", ", ".join(run.tags)
    yield "service", run.service
    yield "started", f"{moment(run.started_at)} UTC, {_took(run)}"
    yield "calls", calls_of([run])
    yield "tokens", tokens_of([run])
    yield "cost", cost_of([run])
    if len(family) > 1:
        yield (
            "in all",
            f"{len(family)} runs; {calls_of(family)}; {tokens_of(family)}; {cost_of(family)}",
        )
    yield "asked", _shortened((run.input_data or {}).get("input"))
    yield "answered", _shortened(run.answer)
    yield "ended", run.termination_reason
    yield "error", _error(run)


def _family(top: Story) -> Iterator[RunSummary]:
    waiting = [top]
    for story in waiting:  # grows while it is walked
        yield story.run
        waiting.extend(story.children)


def _took(run: RunSummary) -> str:
    if run.status == "interrupted":
        after = duration(run.duration_ms)
        return f"interrupted, last heard of {moment(run.last_seen_at)} UTC, after {after}"
    if run.duration_ms is not None:
        return f"took {duration(run.duration_ms)}"
    return {"running": "still running", "paused": "waiting"}.get(run.status, run.status)


def calls_of(runs: Sequence[Totals]) -> str:
    """
    Say how many calls some runs made, and how many of them failed.
    """
    llm = _failing(sum(r.failed_llm_calls for r in runs))
    tool = _failing(sum(r.failed_tool_calls for r in runs))
    asked, done = sum(r.llm_calls for r in runs), sum(r.tool_calls for r in runs)
    return f"{asked:,} to models{llm}, {done:,} to tools{tool}"


def _failing(failed: int) -> str:
    return f" ({failed:,} failed)" if failed else ""


def tokens_of(runs: Sequence[Totals]) -> str:
    """
    Say how many tokens some runs used.
    """
    read = _sum([run.total_input_tokens for run in runs])
    written = _sum([run.total_output_tokens for run in runs])
    if read is None and written is None:
        return "unknown"
    cached = _sum([run.total_cache_read_tokens for run in runs])
    thought = _sum([run.total_reasoning_tokens for run in runs])
    from_cache = f" ({cached:,} from cache)" if cached else ""
    reasoning = f" ({thought:,} reasoning)" if thought else ""
    return f"{count(read)} in{from_cache}, {count(written)} out{reasoning}"


def cost_of(runs: Sequence[Totals]) -> str:
    """
    Say what some runs cost, and how many of their calls have no price.
    """
    costs = [run.total_cost_usd for run in runs if run.total_cost_usd is not None]
    unpriced = sum(run.unpriced_calls for run in runs)
    shown = cost(sum(costs) if costs else None, unpriced)
    if not costs or not unpriced:
        return shown
    return f"{shown} ({unpriced} {'call' if unpriced == 1 else 'calls'} unpriced)"


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _shortened(text: object) -> str | None:
    if text is None or text == "":
        return None
    shown = one_line(str(text))
    return shown if len(shown) <= _TEXT_SHOWN else f"{shown[:_TEXT_SHOWN]} …"


def _error(run: RunDetail) -> str | None:
    return ": ".join(part for part in (run.error_type, run.error) if part) or None


def _style(run: RunSummary) -> str:
    return f"bold {STATUS_STYLES.get(run.status, '')}".strip()
