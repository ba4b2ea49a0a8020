"""
Whether `otel-bridge serve` goes on as it began.

For some minutes it takes half of what it can take at most, and sends all of it on to a sink;
its memory, its answers, its queue and the lag of what is sent on are looked at again and
again. In the end what was sent, stored and forwarded must be the same.

With --spans it takes so many spans as fast as it can, and forwards none unless asked to.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from _ingest_servers import Running, ask, otel_bridge, running
from _measure import folder, note, percentile, show_machine
from _otlp_clients import Plan, Progress, clients
from _otlp_sink import Sink, sink
from _process_tree import memory_mb
from prometheus_client.parser import text_string_to_metric_families

_DISK_BYTES_PER_SPAN = 2_800
_SHARE = 0.5
_DRAIN_S = 600.0
_MINUTE_S = 60.0
_QUEUE = "otel_bridge_queue_requests"
_WAITING, _LAG = "otel_bridge_forward_waiting", "otel_bridge_forward_lag_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    How the server fared for some seconds.

    Attributes:
        at_s: When they ended.
        acknowledged: All spans until then.
        answer_s: How long each answer took.
        memory_mb: At the end; so the others.
    """

    at_s: float
    acknowledged: int
    answer_s: Sequence[float]
    memory_mb: float | None
    queue: float | None
    waiting: float | None
    lag_s: float | None


def peak(plan: Plan, seconds: float) -> float:
    """
    Give how many spans a second a new server takes at most, when it forwards none.
    """
    note(f"measuring the peak for {seconds:.0f} s")
    with folder() as place, running(otel_bridge(), place / "data") as server:
        quick = Plan(
            url=server.url,
            seconds=seconds,
            clients=plan.clients,
            per_request=plan.per_request,
            seed=plan.seed,
        )
        with clients(quick) as crowd:
            return crowd.finish().rate


def sampled(
    server: Running, reports: Iterator[Progress], *, every_s: float, scrape: bool
) -> list[Sample]:
    """
    Look at a server with each report of the clients.

    Args:
        every_s: How often they come; what came after the last is counted to it.
        scrape: Whether to ask for its metrics too.
    """
    samples: list[Sample] = []
    for report in reports:
        told = metrics(server) if scrape else {}
        sample = Sample(
            at_s=report.seconds,
            acknowledged=report.acknowledged,
            answer_s=report.answer_s,
            memory_mb=memory_mb(server.process.pid),
            queue=told.get(_QUEUE),
            waiting=told.get(_WAITING),
            lag_s=told.get(_LAG),
        )
        if report.done and samples and sample.at_s - samples[-1].at_s < every_s / 2:
            answers = [*samples.pop().answer_s, *sample.answer_s]
            sample = replace(sample, answer_s=answers)
        note(f"{sample.at_s:.0f} s: {sample.acknowledged} spans, {_told(sample.memory_mb)} MB")
        samples.append(sample)
        if report.failed or report.rejected:
            raise SystemExit(f"spans were refused: {report.trouble or report.rejected}")
    return samples


def metrics(server: Running) -> dict[str, float]:
    """
    Ask a server for its metrics, and sum each over its labels.
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(ask(f"{server.base}/metrics").decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def main() -> None:
    """
    Measure and print.
    """
    chosen = _options().parse_args()
    show_machine()
    plan = Plan(
        url="",
        clients=chosen.clients,
        per_request=chosen.per_request,
        seed=chosen.seed,
        report_s=chosen.every,
        spans=chosen.spans,
        seconds=None if chosen.spans else chosen.minutes * _MINUTE_S,
        rate=chosen.rate,
    )
    _need_room(chosen.spans or 0)
    if chosen.spans is None and plan.rate is None:
        most = peak(plan, chosen.peak_s)
        print(f"at most {most:,.0f} spans/s; the soak is at {_SHARE:.0%} of that")
        plan = replace(plan, rate=most * _SHARE)
    if plan.rate and plan.seconds:
        _need_room(int(plan.rate * plan.seconds))
    _soak(plan, forward=chosen.spans is None or chosen.forward, scrape=not chosen.no_metrics)


def _soak(plan: Plan, *, forward: bool, scrape: bool) -> None:
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        target = stack.enter_context(sink()) if forward else None
        more = ["--forward", target.url] if target else []
        server = stack.enter_context(running(otel_bridge(), place / "data", *more))
        crowd = stack.enter_context(clients(replace(plan, url=server.url)))
        samples = sampled(server, crowd.run(), every_s=plan.report_s, scrape=scrape)
        if target:
            _drain(server, target, samples[-1].acknowledged)
        stored, size = server.count(), server.size()
        stopped_s = server.stop()
        _show(samples, plan.report_s)
        _show_slope(samples)
        _show_account(samples[-1].acknowledged, stored, target)
        print(f"{size / 1e9:.2f} GB on disk; stopped in {stopped_s:.1f} s")


def _drain(server: Running, target: Sink, wanted: int) -> None:
    """
    Wait until all was forwarded, for as long as something still comes.
    """
    began = last = time.monotonic()
    most = -1
    while target.spans < wanted or metrics(server).get(_WAITING, 0.0):
        now = time.monotonic()
        if target.spans > most:
            most, last = target.spans, now
        elif now - last > _DRAIN_S:
            break
        time.sleep(0.2)
    print(f"all was forwarded {time.monotonic() - began:.1f} s after the last answer")


def _show(samples: Sequence[Sample], every_s: float) -> None:
    """
    Print a line for each minute, or for each sample where there are few minutes.
    """
    size = round(_MINUTE_S / every_s) if samples[-1].at_s > 3 * _MINUTE_S else 1
    heads = ("until s", "spans/s", "p50 ms", "p99 ms", "MB", "queue", "waiting", "lag s")
    print("\n" + "  ".join(f"{head:>9}" for head in heads))
    before_s, before = 0.0, 0
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        last = part[-1]
        answers = [answer * 1000 for sample in part for answer in sample.answer_s]
        rate = (last.acknowledged - before) / max(last.at_s - before_s, 1e-9)
        cells = (
            f"{last.at_s:.0f}",
            f"{rate:,.0f}",
            _told(percentile(answers, 0.50) if answers else None),
            _told(percentile(answers, 0.99) if answers else None),
            _told(last.memory_mb),
            _told(last.queue),
            _told(last.waiting),
            _told(last.lag_s, 1),
        )
        print("  ".join(f"{cell:>9}" for cell in cells))
        before_s, before = last.at_s, last.acknowledged


def _show_slope(samples: Sequence[Sample]) -> None:
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[len(samples) - fifth :]
    known = [sample.memory_mb for sample in samples if sample.memory_mb is not None]
    if not fifth or len(known) < len(samples):
        print("\nmemory: too few samples to tell whether it grows")
        return
    grown = _mean_memory(late) - _mean_memory(early)
    minutes = (_mean_at(late) - _mean_at(early)) / _MINUTE_S
    spans = (late[-1].acknowledged - early[-1].acknowledged) / 1e6
    print(
        f"\nmemory: most {max(known):.0f} MB (goal ≤ 200); from the second to the last fifth "
        f"{grown:+.1f} MB, {grown / minutes:+.2f} MB a minute, {grown / spans:+.2f} MB for a "
        f"million spans"
    )


def _show_account(acknowledged: int, stored: int, target: Sink | None) -> None:
    line = f"{acknowledged} spans acknowledged, {stored} stored"
    missing = acknowledged - stored
    if target:
        line += f", {target.spans} forwarded"
        missing = max(missing, acknowledged - target.spans)
        if target.spans > acknowledged:
            line += f", {target.spans - acknowledged} of them twice"
    print(f"{line}: lost {missing}")


def _need_room(spans: int) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    needed = spans * _DISK_BYTES_PER_SPAN
    if free < needed:
        raise SystemExit(
            f"{spans} spans need about {needed / 1e9:.1f} GB, and {tempfile.gettempdir()} has "
            f"{free / 1e9:.1f} GB; set TMPDIR to a folder with more, or send fewer"
        )


def _mean_memory(samples: Sequence[Sample]) -> float:
    return statistics.fmean(sample.memory_mb or 0.0 for sample in samples)


def _mean_at(samples: Sequence[Sample]) -> float:
    return statistics.fmean(sample.at_s for sample in samples)


def _told(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").strip())
    options.add_argument("--minutes", type=float, default=10.0, help="how long")
    options.add_argument("--rate", type=float, help="spans a second; else half of the peak")
    options.add_argument("--peak-s", type=float, default=20.0, help="how long that is measured")
    options.add_argument("--spans", type=int, help="until so many, instead of minutes")
    options.add_argument("--forward", action="store_true", help="with --spans too")
    options.add_argument("--every", type=float, default=10.0, help="seconds between samples")
    options.add_argument("--no-metrics", action="store_true", help="do not ask for /metrics")
    options.add_argument("--clients", type=int, default=16, help="that send at the same time")
    options.add_argument("--per-request", type=int, default=500, help="spans of a request")
    options.add_argument("--seed", type=int, default=1, help="of the made-up work")
    return options


if __name__ == "__main__":
    main()
