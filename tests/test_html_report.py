"""
The report as an HTML page: its figures, and what a real browser makes of it.
"""

import html
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from browser import open_page
from otel_bridge_queries import Queries
from queries_data import Recorded
from report_data import recorded_weeks

from otel_bridge.cli.main import run_with
from otel_bridge.cli.page import Asked, collect
from otel_bridge.cli.texts import cost, count

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '"><svg onload=document.title="owned">',
    "</title><script>document.title='owned'</script>",
    "<img src='{url}/leak'>",
    "<style>@import '{url}/leak'</style>",
    "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\">",
    "javascript:document.title='owned'",
    "a\u202eb\x1b[31m\x00\ufffe",
    "long-" * 60,
)


def page_of(db: Path, *words: str) -> str:
    """
    Write the page of a database and give it.
    """
    path = db.with_suffix(".html")
    assert run_with(["report", "--db", str(db), "--html", str(path), *words]) == 0
    return path.read_text(encoding="utf-8")


class _Reader(HTMLParser):
    """
    The tables of a page by their headings, the cells as texts, and its cards.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.cards: dict[str, list[str]] = {}
        self._heading = self._card = ""
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("h2", "dt", "dd", "td", "th"):
            self._within.append(tag)
            if tag in ("td", "th"):
                self.tables[self._heading][-1].append("")
        elif tag == "tr":
            self.tables.setdefault(self._heading, []).append([])

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        tag = self._within[-1] if self._within else ""
        if tag == "h2":
            self._heading = data
        elif tag == "dt":
            self._card = data
        elif tag == "dd":
            self.cards.setdefault(self._card, []).append(data)
        elif tag in ("td", "th"):
            self.tables[self._heading][-1][-1] += data


def read(page: str) -> _Reader:
    """
    Read a page's tables and cards.
    """
    reader = _Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database of twenty days.
    """
    return recorded_weeks(tmp_path_factory.mktemp("weeks") / "weeks.db")


def test_the_headline_is_what_queries_say(weeks: Path) -> None:
    """
    Cost, calls, tokens and shares are those of the reports, and unpriced calls are told.
    """
    cards = read(page_of(weeks)).cards
    with Queries(weeks) as queries:
        total, tokens = queries.cost().dicts()[0], queries.tokens().dicts()[0]
    unpriced, calls = total["unpriced_calls"], total["llm_calls"]
    assert unpriced > 0
    assert cards["Cost"] == [
        f"≥ {cost(total['cost_usd'], 0)}",
        f"{unpriced} of {calls} calls unpriced",
    ]
    assert cards["Model calls"][0] == count(calls)
    assert cards["Tokens"][0] == count(tokens["total_tokens"])
    assert cards["Input from cache"][0] == f"{tokens['cache_hit_ratio']:.1%}"
    assert cards["Failed calls"][0] == f"{total['error_calls'] / calls:.1%}"


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("Agents", ["agent_name"]),
        ("Models", ["model", "provider"]),
        ("Users", ["user_id"]),
        ("Sessions that cost most", ["session_id"]),
    ],
)
def test_tables_are_the_reports(weeks: Path, heading: str, keys: list[str]) -> None:
    """
    Every group of a report is a row of its table with the same figures, the total last.
    """
    head, *rows = read(page_of(weeks)).tables[heading]
    with Queries(weeks) as queries:
        groups, total = queries.cost(by=keys).dicts(), queries.cost().dicts()[0]
    wanted = [
        [*(row[key] for key in keys), cost(row["cost_usd"], row["unpriced_calls"])]
        + [
            count(row[name])
            for name in (
                "llm_calls", "input_tokens", "output_tokens", "error_calls", "unpriced_calls",
            )
        ]
        for row in groups
    ]  # fmt: skip
    assert rows[:-1] == wanted
    assert rows[-1][0] == "all"
    assert rows[-1][len(keys)] == cost(total["cost_usd"], total["unpriced_calls"])
    assert len(head) == len(rows[0])


def test_groups_left_out_are_in_a_row_of_their_own(tmp_path: Path) -> None:
    """
    Of a thousand groups some are shown, and these, the others and the total add up.
    """
    db = recorded_weeks(
        tmp_path / "many.db", days=10, runs_a_day=60, agents=[f"a{n:04}" for n in range(1_000)]
    )
    rows = read(page_of(db)).tables["Agents"][1:]
    assert [row[0] for row in rows[-2:]] == ["others", "all"]
    for place in (2, 3, 4, 5, 6):
        figures = [int(row[place].replace(",", "")) for row in rows]
        assert sum(figures[:-1]) == figures[-1]


def test_filters_and_zone_are_those_of_reports(weeks: Path) -> None:
    """
    A page of one agent and week has the figures of that agent and week, and says so.
    """
    words = ("--agent", "planner", "--since", "2026-11-02", "--timezone", "Europe/Paris")
    page = page_of(weeks, *words)
    with Queries(weeks) as queries:
        total = queries.cost(
            agent_name="planner", since="2026-11-02", timezone="Europe/Paris"
        ).dicts()[0]
    assert read(page).cards["Model calls"][0] == count(total["llm_calls"])
    assert "Europe/Paris · since 2026-11-02 · agent planner" in page


def test_an_empty_database_makes_a_page(tmp_path: Path) -> None:
    """
    Where nothing was recorded the page says so, and no unknown is shown as zero.
    """
    page = page_of(recorded_weeks(tmp_path / "empty.db", days=0))
    assert "Nothing was recorded in this time." in page
    assert read(page).cards["Cost"][0] == "–"


def test_a_page_refers_to_nothing_outside(weeks: Path) -> None:
    """
    No attribute or rule of the page names a place to load something from.
    """
    page = page_of(weeks)
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) == {"http://www.w3.org/2000/svg"}
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", page) == ["data:,"]
    assert "@import" not in page
    assert "url(" not in page
    assert " style=" not in page
    assert not re.search(r"<[^>]+\son[a-z]+=", page)
    assert "default-src 'none'" in page


def test_the_page_goes_to_standard_output(weeks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    `--html -` prints the page and nothing else.
    """
    assert run_with(["report", "--db", str(weeks), "--html", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


def test_a_wrong_filter_is_wrong_usage(weeks: Path, tmp_path: Path) -> None:
    """
    A time zone that does not exist is exit code 2, and no page is left.
    """
    words = ["report", "--db", str(weeks), "--html", str(tmp_path / "x.html")]
    assert run_with([*words, "--timezone", "Mars/Olympus"]) == 2
    assert run_with(["report", "--db", str(tmp_path / "no.db"), *words[3:]]) == 1
    assert list(tmp_path.iterdir()) == []


@dataclass
class Served:
    """
    A web server that notes what is asked of it.
    """

    url: str
    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def served() -> Iterator[Served]:
    """
    A web server on this machine.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            page = state.pages.get(self.path, "").encode("utf-8")
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["file", "http"])
def test_hostile_names_are_shown_and_not_obeyed(
    served: Served, tmp_path: Path, scheme: str
) -> None:
    """
    In a real browser no name runs, loads or restyles anything, and the console is silent.
    """
    names = [name.replace("{url}", served.url) for name in HOSTILE]
    db = recorded_weeks(
        tmp_path / "hostile.db",
        agents=names,
        models=[("evil", name, 1.0, 1.0) for name in names] + [("evil", names[0], None, None)],
        tools=names,
        names=names,
        reason=names[0],
    )
    page = page_of(db, "--title", names[2])
    served.pages["/page"] = page
    url = f"{served.url}/page" if scheme == "http" else db.with_suffix(".html").as_uri()
    seen = open_page(url)
    assert seen.console == []
    assert served.asked == (["/page"] if scheme == "http" else [])
    assert f"<title>{html.escape(names[2], quote=False)}</title>" in seen.dom
    assert not re.search(r"<(?:img|iframe|object|embed|base|form)\b", seen.dom)
    assert len(re.findall(r"<script\b", seen.dom)) == 1
    assert len(re.findall(r"<style\b", seen.dom)) == 1
    assert html.escape(names[0], quote=False) in seen.dom


@pytest.mark.slow
def test_the_policy_of_the_page_stops_what_would_slip_through(served: Served, weeks: Path) -> None:
    """
    Even a script, style or image that did get into the page is not run and not loaded.
    """
    slipped = (
        "<script>document.title='owned'</script>"
        f"<img src='{served.url}/leak' onerror=\"document.title='owned'\">"
        f"<link rel=stylesheet href='{served.url}/leak'>"
        "<style>h1{display:none}</style>"
    )
    served.pages["/page"] = page_of(weeks).replace("</main>", f"{slipped}</main>")
    seen = open_page(f"{served.url}/page")
    assert served.asked == ["/page"]
    assert "<title>Agent report</title>" in seen.dom
    assert sum("Content Security Policy" in line for line in seen.console) >= 4


@pytest.mark.slow
def test_tables_sort_by_a_click(served: Served, weeks: Path) -> None:
    """
    The page's own script runs, and a click on a header puts the rows in its order, down
    first and then up, with the total left at the end.
    """
    click = """<script>
    for (const times of [1, 2]) {
      const table = [...document.querySelectorAll("section")]
        .find((s) => s.querySelector("h2").textContent === "Agents").querySelector("table");
      table.tHead.querySelectorAll("button")[2].click();
      const calls = [...table.rows].map((row) => row.cells[2].textContent).join(" ");
      document.body.setAttribute("data-" + times, calls);
    }
    </script>"""
    page = page_of(weeks).replace("</body>", f"{click}</body>")
    served.pages["/page"] = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page)
    seen = open_page(f"{served.url}/page")
    orders = dict(re.findall(r'data-([12])="([^"]*)"', seen.dom))
    down, up = (orders[times].split() for times in "12")
    assert (down[0], up[0]) == ("calls", "calls")
    assert down[-1] == up[-1]
    figures = [int(each) for each in down[1:-1]]
    assert figures == sorted(figures, reverse=True)
    assert [int(each) for each in up[1:-1]] == sorted(figures)


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_is_wider_than_the_window(served: Served, weeks: Path, width: int) -> None:
    """
    On a phone and on a desk the page scrolls down, not sideways, and shows one of each
    chart.
    """
    frame = (
        f'<iframe src="/page" width="{width}" height="900"></iframe><script>onload = () => {{'
        "const inner = frames[0].document;"
        "const charts = [...inner.querySelectorAll('.chart')].filter((c) => c.offsetParent);"
        "document.body.dataset.wide = inner.documentElement.scrollWidth;"
        "document.body.dataset.charts = charts.length; }</script>"
    )
    served.pages |= {"/page": page_of(weeks), "/frame": f"<body>{frame}</body>"}
    seen = open_page(f"{served.url}/frame")
    found = dict(re.findall(r'data-(wide|charts)="(\d+)"', seen.dom))
    assert int(found["wide"]) <= width
    assert int(found["charts"]) == 3


class _Busy(Queries):
    """
    Queries over a database into which a call is recorded before each report.
    """

    def __init__(self, path: Path, record: Callable[[], None], times: int) -> None:
        super().__init__(path)
        self._record, self._left = record, times

    def tools(self, *words: Any, **filters: Any) -> Any:
        if self._left:
            self._left -= 1
            self._record()
        return super().tools(*words, **filters)


def test_figures_are_of_one_moment(tmp_path: Path) -> None:
    """
    What is recorded while the figures are taken is in none of them.
    """
    recorded = Recorded(tmp_path / "busy.db")
    with recorded:
        recorded.run("one", agent_name="planner")
        recorded.llm_call("one", request_model="m", cost_picousd=1)

    def record() -> None:
        with recorded:
            recorded.llm_call("one", request_model="m", cost_picousd=1)

    asked = Asked({}, "Busy", datetime(2026, 11, 29, tzinfo=UTC))
    with _Busy(recorded.path, record, 2) as queries:
        figures = collect(queries, asked)
        again = collect(queries, asked)
    recorded.close()
    (agent,) = figures.by_agent.dicts()
    assert agent["llm_calls"] == figures.total["llm_calls"] == 1
    assert again.total["llm_calls"] == 3
