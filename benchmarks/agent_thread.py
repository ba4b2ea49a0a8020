"""
What a span costs the agent's own thread: `on_start` and `on_end` together.

«paced» plays a trace, then lets the thread wait as an agent waits for its model;
«burst» plays all traces without a pause, so that the writer works beside the agent.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from _baselines import BATCH_NO_OP, BATCH_OTLP, EncodingExporter, NoOpExporter, batching
from _measure import folder, in_turns, parser, percentile, show, show_machine
from _workload import SPANS_PER_TRACE, Piece, play, provider, traces
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_bridge.processor import RunLogSpanProcessor

OURS = "otel-bridge"


class Timed(SpanProcessor):
    """
    Measures another processor.

    Attributes:
        taken_ns: For each span, what its start and its end took.
    """

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner
        self._starts: dict[int, int] = {}
        self.taken_ns: list[int] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """
        Pass a start on.
        """
        begin = time.perf_counter_ns()
        self._inner.on_start(span, parent_context)
        taken = time.perf_counter_ns() - begin
        self._starts[span.get_span_context().span_id] = taken

    def on_end(self, span: ReadableSpan) -> None:
        """
        Pass an end on.
        """
        begin = time.perf_counter_ns()
        self._inner.on_end(span)
        taken = time.perf_counter_ns() - begin
        context = span.get_span_context()
        assert context is not None
        self.taken_ns.append(taken + self._starts.pop(context.span_id))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """
        Pass it on.
        """
        return self._inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """
        Pass it on.
        """
        self._inner.shutdown()


def measure(
    make: Callable[[Path], SpanProcessor], work: Sequence[Piece], pause_s: float
) -> list[float]:
    """
    Play traces and give what each span took, in microseconds.
    """
    with folder() as place:
        timed = Timed(make(place / "runs.db"))
        made = provider(timed)
        tracer = made.get_tracer("benchmark.agents")
        for piece in work:
            play(tracer, piece)
            if pause_s:
                time.sleep(pause_s)
        made.force_flush()
        made.shutdown()
        return [taken / 1000 for taken in timed.taken_ns]


def _middle(
    make: Callable[[Path], SpanProcessor],
    work: Sequence[Piece],
    pause_s: float,
    late: list[float],
) -> float:
    taken = measure(make, work, pause_s)
    late.append(percentile(taken, 0.99))
    return percentile(taken, 0.5)


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--traces", type=int, default=60, help="of twenty spans, for each run")
    options.add_argument("--pause-ms", type=float, default=20.0, help="between paced traces")
    chosen = options.parse_args()
    work = traces(chosen.traces, seed=chosen.seed)
    makers: dict[str, Callable[[Path], SpanProcessor]] = {
        OURS: RunLogSpanProcessor,
        BATCH_NO_OP: lambda _: batching(NoOpExporter()),
        BATCH_OTLP: lambda _: batching(EncodingExporter()),
    }
    show_machine()
    print(f"{len(work) * SPANS_PER_TRACE} spans in each run")
    for name, pause_s in (("paced", chosen.pause_ms / 1000), ("burst", 0.0)):
        late: dict[str, list[float]] = {maker: [] for maker in makers}
        cases = {
            maker: partial(_middle, make, work, pause_s, late[maker])
            for maker, make in makers.items()
        }
        found = in_turns(cases, chosen.runs, warm_up=False)
        baselines = (BATCH_NO_OP, BATCH_OTLP)
        show(f"{name}, p50 of a span", found, unit="µs", baselines=baselines, goal="≤ 10")
        show(f"{name}, p99 of a span", late, unit="µs", baselines=baselines)


if __name__ == "__main__":
    main()
