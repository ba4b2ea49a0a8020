"""
How fast a server takes OTLP over HTTP, and what that costs it.

The same load, of clients in a process of their own, goes to `otel-bridge serve`, to a server
that does the least that keeps its word, and with --peers to MLflow, Phoenix and SideSeat
where they are installed. Each run starts a server with new data. The spans of an answer are
counted twice: when all are acknowledged, and when all can be read. Then a new server is
killed right after its last answer, and what it acknowledged and does not have is lost.

With --url the load goes to a server that runs already, of whatever kind.
"""

import argparse
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from _ingest_servers import PEERS, Running, Server, otel_bridge, plain, running
from _measure import folder, note, parser, show, show_machine
from _otlp_clients import Plan, Progress, clients
from _process_tree import Peak, cpu_s, memory_mb, told, watched

_PLAIN = "plain sqlite3"
_STUCK_S = 120.0
_ACKNOWLEDGED, _READABLE = "until all are acknowledged", "until all can be read"
_CPU, _IDLE, _PEAK = "processor time per span", "memory before", "most memory while ingesting"
_START, _STOP = "start until ready", "stop"
_SIZE, _LOST = "size of its files", "spans that were acknowledged and lost"
_UNITS: Mapping[str, tuple[str, str | None, int]] = {
    _ACKNOWLEDGED: ("spans/s", None, 0),
    _READABLE: ("spans/s", "≥ 25,000", 0),
    _CPU: ("µs", None, 1),
    _IDLE: ("MB", "≤ 100", 0),
    _PEAK: ("MB", "≤ 200", 0),
    _START: ("s", "≤ 1", 2),
    _STOP: ("s", None, 2),
    _SIZE: ("bytes ÷ bytes of OTLP", "≤ 1.0", 2),
    _LOST: ("spans", "0", 0),
}

Figures = dict[str, float | None]


def measure(server: Server, plan: Plan) -> Figures:
    """
    Send a load to a new server, and give its figures by name.
    """
    with folder() as place, running(server, place / "data") as started:
        pid = started.process.pid
        with clients(_aimed(plan, started)) as crowd:
            found: Figures = {_START: started.start_s, _IDLE: memory_mb(pid)}
            spent = cpu_s(pid)
            with watched(pid) as peak:
                report = crowd.finish()
                readable_s = _wait_until_readable(started, report)
            found |= _while_ingesting(report, pid, spent, peak)
        _complain(server.name, report)
        if readable_s is not None:
            found[_READABLE] = report.acknowledged / (report.seconds + readable_s)
        found[_STOP] = _stop(started)
        found[_SIZE] = started.size() / report.sent_bytes if report.sent_bytes else None
        return found


def lost(server: Server, plan: Plan) -> float:
    """
    Kill a new server right after its last answer, and count what is missing.
    """
    with folder() as place:
        with running(server, place / "data") as started:
            with clients(_aimed(plan, started)) as crowd:
                report = crowd.finish()
                started.kill()
            if not server.needs_running:
                return report.acknowledged - started.count()
        with running(server, place / "data") as again:
            return report.acknowledged - again.count()


def send(plan: Plan, pid: int | None) -> Figures:
    """
    Send a load to a server that runs, print what came of it, and give the figures by name.
    """
    with clients(plan) as crowd:
        if pid is None:
            report, found = crowd.finish(), Figures()
        else:
            idle, spent = memory_mb(pid), cpu_s(pid)
            with watched(pid) as peak:
                report = crowd.finish()
            found = {_IDLE: idle} | _while_ingesting(report, pid, spent, peak)
    found[_ACKNOWLEDGED] = report.rate
    print(f"{plan.url}: {_described(report)}")
    print(
        f"{report.retries} retries, {report.rejected} spans rejected, {report.failed} spans "
        f"in requests that failed {report.trouble}".rstrip()
    )
    return found


def main() -> None:
    """
    Measure and print.
    """
    chosen = _options().parse_args()
    plan = Plan(
        url=chosen.url or "",
        headers=dict(pair.partition("=")[::2] for pair in chosen.header),
        spans=chosen.spans,
        clients=chosen.clients,
        per_request=chosen.per_request,
        seed=chosen.seed,
    )
    show_machine()
    print(f"{chosen.spans} spans in each run, {plan.per_request} to a request, ", end="")
    print(f"{plan.clients} clients")
    if not told():
        print("this system does not tell memory and processor time in a way that is read here")
    if chosen.url:
        # Each run has ids of its own, or the server would have them already.
        sent = [
            send(replace(plan, first_round=time.time_ns() // 10_000_000), chosen.pid)
            for _ in range(chosen.runs)
        ]
        _show({plan.url: sent})
        return
    _compare(chosen, plan)


def _compare(chosen: argparse.Namespace, plan: Plan) -> None:
    few = replace(plan, spans=min(chosen.spans, chosen.peer_spans))
    cases = [(otel_bridge(), plan, chosen.runs), (plain(), plan, chosen.runs)]
    cases += [(peer, few, chosen.peer_runs) for peer in _peers(chosen)]
    found: dict[str, list[Figures]] = {server.name: [] for server, _, _ in cases}
    for number in range(max(chosen.runs, chosen.peer_runs)):
        for server, its_plan, runs in cases:
            if number < runs:
                note(f"run {number + 1} of {runs}, {server.name}, {its_plan.spans} spans")
                figures = measure(server, its_plan)
                note(f"run {number + 1} of {runs}, {server.name}, killed after {few.spans}")
                figures[_LOST] = lost(server, few)
                found[server.name].append(figures)
    if chosen.peers:
        print(f"{few.spans} spans for each peer, and before each kill")
    _show(found, _PLAIN)


def _peers(chosen: argparse.Namespace) -> list[Server]:
    if not chosen.peers:
        return []
    found = []
    for name, make in PEERS.items():
        program = shutil.which(getattr(chosen, name) or name)
        if program is None:
            print(f"not run: {name}, which is not installed, or not where it is looked for")
        else:
            found.append(make(program))
    return found


def _aimed(plan: Plan, server: Running) -> Plan:
    return replace(plan, url=server.url, headers={**server.server.headers, **plan.headers})


def _while_ingesting(report: Progress, pid: int, spent: float | None, peak: Peak) -> Figures:
    now = cpu_s(pid)
    per_span = None
    if now is not None and spent is not None and report.acknowledged:
        per_span = (now - spent) / report.acknowledged * 1e6
    return {_ACKNOWLEDGED: report.rate, _CPU: per_span, _PEAK: peak.mb}


def _wait_until_readable(server: Running, report: Progress) -> float | None:
    """
    Wait until all that was acknowledged can be read, and give how long that took; None if
    that does not come.
    """
    began = grew = time.monotonic()
    most = -1
    while (count := server.count()) < report.acknowledged:
        now = time.monotonic()
        if count > most:
            most, grew = count, now
        elif now - grew > _STUCK_S:
            name = server.server.name
            print(f"{name}: only {count} of {report.acknowledged} spans could ever be read")
            return None
        time.sleep(0.2)
    return time.monotonic() - began


def _stop(server: Running) -> float | None:
    try:
        return server.stop()
    except subprocess.TimeoutExpired:
        print(f"{server.server.name} does not stop when it is told to")
        server.kill()
        return None


def _complain(name: str, report: Progress) -> None:
    note(f"{name}: {_described(report)}")
    if report.retries or report.rejected or report.failed:
        print(
            f"{name}: {report.retries} retries, {report.rejected} spans rejected, "
            f"{report.failed} in requests that failed {report.trouble}".rstrip()
        )


def _described(report: Progress) -> str:
    each = report.sent_bytes / max(report.acknowledged, 1)
    return (
        f"{report.acknowledged} spans acknowledged in {report.seconds:.1f} s, "
        f"{report.sent_bytes / 1e6:.1f} MB of OTLP, {each:.0f} bytes a span"
    )


def _show(found: Mapping[str, Sequence[Figures]], *baselines: str) -> None:
    for figure, (unit, goal, digits) in _UNITS.items():
        values = {
            name: [value for each in runs if (value := each.get(figure)) is not None]
            for name, runs in found.items()
        }
        known = {name: those for name, those in values.items() if those}
        if known:
            named = [name for name in baselines if name in known]
            show(figure, known, unit=unit, baselines=named, goal=goal, digits=digits)


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__, runs=3)
    options.add_argument("--spans", type=int, default=200_000, help="of each run")
    options.add_argument("--clients", type=int, default=16, help="that send at the same time")
    options.add_argument("--per-request", type=int, default=500, help="spans of a request")
    options.add_argument("--url", help="of a server that runs: http://host:port/v1/traces")
    options.add_argument(
        "--header", action="append", default=[], metavar="NAME=VALUE", help="sent to the --url"
    )
    options.add_argument("--pid", type=int, help="of the server at the --url, to measure it")
    options.add_argument("--peers", action="store_true", help="measure those that are installed")
    options.add_argument("--peer-spans", type=int, default=20_000, help="of each run of a peer")
    options.add_argument("--peer-runs", type=int, default=1, help="how often each is measured")
    for name in PEERS:
        options.add_argument(f"--{name}", metavar="PATH", help="its program, if not on PATH")
    return options


if __name__ == "__main__":
    main()
