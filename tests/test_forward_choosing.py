"""
What a destination gets, and in what form.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import span

from otel_bridge.forwarder.choosing import Choice
from otel_bridge.forwarder.destination import Destination, DestinationError
from otel_bridge.forwarder.destination_files import read_destinations

URL = "http://localhost:4317"


def choice(**options: Any) -> Choice:
    """
    Choose for a destination.
    """
    return Choice(Destination(url=URL, **options))


@given(st.integers(1, 2**128 - 1), st.floats(0, 1), st.integers(1, 5))
def test_a_trace_is_sent_whole_or_not_at_all(trace: int, share: float, count: int) -> None:
    """
    All spans of a trace share its fate, and a larger share sends what a smaller one does.
    """
    spans = [span(trace, n, name="x") for n in range(1, count + 1)]
    taken = {choice(sample=share).takes(each) for each in spans}
    assert len(taken) == 1
    if taken == {True}:
        assert choice(sample=min(1.0, share * 1.5)).takes(spans[0])


def test_about_the_wanted_share_of_the_traces_is_sent() -> None:
    """
    Of many traces a quarter is sent where a quarter is asked for.
    """
    quarter = choice(sample=0.25)
    traces = [(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128 or 1 for n in range(1, 4001)]
    taken = sum(quarter.takes(span(trace, 1, name="x")) for trace in traces)
    assert 900 < taken < 1100


def test_conditions_look_at_names_and_attributes() -> None:
    """
    `only` needs one that is met, and `drop` none.
    """
    chat = span(1, 1, name="chat gpt-4o", attributes={"gen_ai.request.model": "gpt-4o", "n": 3})
    assert choice(only=["gen_ai.request.model=gpt-*"]).takes(chat)
    assert choice(only=["n=3", "name=nothing"]).takes(chat)
    assert not choice(only=["name=embeddings*"]).takes(chat)
    assert not choice(drop=["name=chat *"]).takes(chat)
    assert not choice(only=["name=chat*"], drop=["n=[0-9]"]).takes(chat)


def test_content_and_hidden_attributes_stay_here() -> None:
    """
    What a destination is not to get is not in what it is sent; the rest is as it was.
    """
    chat = span(
        1,
        1,
        name="chat",
        attributes={
            "gen_ai.input.messages": '[{"role": "user", "parts": []}]',
            "user.email": "ada@example.org",
            "gen_ai.usage.input_tokens": 7,
        },
    )
    bare = choice(content=False, hide=["user.*"]).treated(chat)
    assert dict(bare.attributes) == {"gen_ai.usage.input_tokens": 7}
    assert choice().treated(chat) == chat


def test_a_file_describes_destinations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each table is a destination; secrets come from the environment, and patterns redact.
    """
    monkeypatch.setenv("TOKEN", "s3cret")
    path = tmp_path / "to.toml"
    path.write_text(
        """
        [[destination]]
        name = "jaeger"
        url = "http://localhost:4317"
        signals = ["traces"]
        sample = 0.5

        [[destination]]
        url = "https://otel.example.org"
        protocol = "http/protobuf"
        headers = { Authorization = "Bearer ${env:TOKEN}" }
        redact = ["[0-9]{4,}"]
        since = 2026-01-02T03:04:05Z
        """,
        encoding="utf-8",
    )
    jaeger, other = read_destinations(path)
    assert (jaeger.label, jaeger.uses_grpc, jaeger.sample) == ("jaeger", True, 0.5)
    assert other.headers == {"Authorization": "Bearer s3cret"}
    assert other.http_url("logs") == "https://otel.example.org/v1/logs"
    said = span(1, 1, name="said", attributes={"input.value": "card 4111111111111111"})
    assert Choice(other).treated(said).attributes["input.value"] == "card [redacted]"
    assert "s3cret" not in repr(other)


def test_variables_may_have_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    As in a collector's file, what follows `:-` stands for a variable that is not set, and
    one that is set to nothing stays nothing; any text of a destination may have several.
    """
    monkeypatch.delenv("HOST", raising=False)
    monkeypatch.setenv("PORT", "4320")
    monkeypatch.setenv("EMPTY", "")
    path = tmp_path / "to.toml"
    path.write_text(
        """
        [[destination]]
        url = "http://${env:HOST:-127.0.0.1}:${env:PORT:-4317}"
        name = "${env:NO_NAME:-a:-b}"
        headers = { a = "${env:EMPTY:-full}", b = "${env:NO_B:-}", c = "$PORT ${PORT}" }
        """,
        encoding="utf-8",
    )
    (found,) = read_destinations(path)
    assert found.url == "http://127.0.0.1:4320"
    assert found.label == "a:-b"
    assert found.headers == {"a": "", "b": "", "c": "$PORT ${PORT}"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[[destination]]\nurl = 'http://${env:NOT_THERE}'",
            "1, url: the environment",
        ),
        (
            "[[destination]]\nurl = 'http://x'\nheaders = {a = '${env:}'}",
            "header a: ${env:}",
        ),
        ("", "names no destination"),
        ("destination = 3", "names no destination"),
        ("[[destination]]\nname = 'x'", "no url"),
        ("[[destination]]\nurl = 'ftp://x'", "no http:// or https:// URL"),
        ("[[destination]]\nurl = 'http://x'\nsmaple = 1", "'smaple' is unknown"),
        ("[[destination]]\nurl = 'http://x'\nsample = 3", "a share from 0 to 1"),
        ("[[destination]]\nurl = 'http://x'\nsample = true", "sample cannot be"),
        ("[[destination]]\nurl = 'http://x'\nsignals = ['metrics']", "signals are"),
        ("[[destination]]\nurl = 'http://x'\nonly = ['name']", "no condition"),
        ("[[destination]]\nurl = 'http://x'\nredact = ['(']", "redact"),
        (
            "[[destination]]\nurl = 'http://x'\nheaders = {a = '${env:NOT_THERE}'}",
            "no NOT_THERE",
        ),
        ("[[destination]]\nurl = 'http://u:p@x'", "belong into headers"),
        ("[[destination]]\nurl = 'http://x'\nsince = 2026-01-02T03:04:05", "no date, time or"),
        ("[[destination]]\nurl = 'http://x'\nsince = 2026-01-02", "no date, time or time zone"),
        ("[[destination]]\nurl = 'http://x'\nsince = 'later'", "since cannot be 'later'"),
        ("[[destination]]\nurl = 'http://x'\nsince = '2026-01-02T03:04:05'", "no date, time or"),
        ("[[destination]]\nurl = '${NAME}'", "'${NAME}' is no http"),
        ("[[destination]]\nname = 'x'\nurl = 'u:p@localhost:4317'", "'localhost:4317' is no http"),
        ("[[destination]]\nurl = 'http://x:99999'", "no URL: Port out of range"),
        ("[[destination]]\nurl = 'http://x'\nsignals = 'traces'", "write ['traces']"),
        ("[[destination]]\nurl = 'http://x'\ntimeout_s = 0", "seconds above 0, not 0"),
        ("[[destination]]\nurl = 'http://x'\nheaders = {a = 'u:p', b = 1}", "must be texts"),
        ("[[destination", "no TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """
    The error names the file and what is wrong with it, and no password.
    """
    path = tmp_path / "to.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DestinationError) as refused:
        read_destinations(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "u:p" not in str(refused.value)


def test_a_beginning_may_be_in_quotes_and_has_a_default(tmp_path: Path) -> None:
    """
    A time is the same with and without quotes, and who reads the file says where those
    begin that do not say it.
    """
    path = tmp_path / "to.toml"
    moment = "2026-01-02T03:04:05Z"
    path.write_text(
        f"""
        [[destination]]
        url = "http://a"
        since = "{moment}"
        [[destination]]
        url = "http://b"
        since = {moment}
        [[destination]]
        url = "http://c"
        """,
        encoding="utf-8",
    )
    quoted, plain, unsaid = read_destinations(path, since="all")
    assert quoted.since_ns == plain.since_ns == 1_767_323_045_000_000_000
    assert unsaid.since == "all"
    assert read_destinations(path)[2].since == "now"


@given(st.integers(0, 2**33 * 10**6), st.integers(-14 * 60, 14 * 60))
def test_a_beginning_is_exact_whatever_its_time_zone(since_us: int, offset_min: int) -> None:
    """
    A moment is the same to the microsecond in any time zone.
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since_us)
    moment = moment.astimezone(timezone(timedelta(minutes=offset_min)))
    assert Destination(url=URL, since=moment).since_ns == max(1, since_us * 1000)


@pytest.mark.parametrize("since", [datetime(2026, 1, 2, 3, 4), "yesterday", 5])  # noqa: DTZ001
def test_a_beginning_without_a_time_zone_is_refused(since: Any) -> None:
    """
    A naive datetime would be another moment on each machine, and a word is none at all.
    """
    with pytest.raises(DestinationError, match=f"{URL}: since=.*aware datetime"):
        Destination(url=URL, since=since)


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer secret\n"}, {"X-Key": " secret"}, {"X-Key": "secr\u00e9t"}],
)
def test_a_header_that_cannot_be_sent_is_named_without_its_value(headers: Any) -> None:
    """
    The libraries that send would tell the value, which may be a secret, in their errors.
    """
    with pytest.raises(DestinationError, match=next(iter(headers))) as caught:
        Destination(url="http://127.0.0.1:4318", headers=headers)
    assert "secr" not in str(caught.value)


@pytest.mark.parametrize("header", ["", "X Key", "X\n"])
def test_a_name_that_no_header_can_have_is_refused(header: str) -> None:
    """
    What stands for a header's name is one.
    """
    with pytest.raises(DestinationError, match="cannot be sent"):
        Destination(url="http://127.0.0.1:4318", headers={header: "v"})
