"""
Search: what was said is found where it was said, and nothing else is.
"""

import contextlib
import json
import unicodedata
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backends import Backend, store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_queries.search import searcher
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded
from trees import agent, chat, message, span, tool

SECOND = 1000 * MS


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    An empty database.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


def say(recorded: Recorded, *texts: str, run_id: str = "r", **values: Any) -> list[int]:
    """
    Store a run in which a user says some texts.
    """
    with recorded:
        recorded.run(run_id, **values)
        ids = [recorded.said(text) for text in texts]
        for ordinal, number in enumerate(ids):
            recorded.step(run_id, ordinal, "user", number)
    return ids


def found(target: Path | str, text: str, **filters: Any) -> list[int]:
    """
    Give the messages that a search finds, in its order.
    """
    with Queries(target) as queries:
        return [row["message_id"] for row in queries.search(text, **filters)]


def test_words_are_found_whatever_their_case_accents_and_order(recorded: Recorded) -> None:
    """
    Case and accents make no difference, composed or not, nor does the order of words.
    """
    one, two = say(
        recorded, "The Café in BELÉM refunds", unicodedata.normalize("NFD", "Café noir")
    )
    assert found(recorded.path, "refunds cafe") == [one]
    assert found(recorded.path, "CAFÉ") == [two, one]
    assert found(recorded.path, "belem") == [one]
    assert found(recorded.path, "caf") == []


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("refund policy", [2, 1]),
        ('"refund policy"', [1]),
        ("refund -policy", [3]),
        ("refund NOT policy", [3]),
        ('refund -"refund policy"', [3, 2]),
        ("shipping OR policy", [4, 2, 1]),
        ("refund shipping OR policy", [2, 1]),
        ("refund AND policy", [2, 1]),
        ("refun*", [3, 2, 1]),
        ('"refund pol"*', [1]),
        ("*", None),
        ("-policy", None),
        ("", None),
        ('"', None),
        ("refund !!! policy", [2, 1]),
        ("refund: (policy)", [2, 1]),
        ("OR refund", [3, 2, 1]),
        ("role:user", []),
        ("text : refund", []),
    ],
)
def test_the_language_of_searches(recorded: Recorded, text: str, hits: list[int] | None) -> None:
    """
    Words, phrases, prefixes, alternatives and exclusions mean what they say.
    """
    say(
        recorded,
        "our refund policy",
        "policy: no refund",
        "a refund",
        "shipping",
    )
    if hits is None:
        with pytest.raises(QueryError, match="a phrase"):
            found(recorded.path, text)
    else:
        assert found(recorded.path, text) == hits


@given(text=st.one_of(st.text(), st.text('ab" *-()^:+{}\x00NEAROT\ud800', max_size=30)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_typed_breaks_the_search(shared: Queries, text: str) -> None:
    """
    Any text gives hits, none, or a `QueryError`.
    """
    with contextlib.suppress(QueryError):
        shared.search(text)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    """
    A database with some messages, open for searches.
    """
    recorded = Recorded(tmp_path_factory.mktemp("shared") / "runs.db")
    say(recorded, "a b ab", "NEAR", "東京")
    recorded.close()
    with Queries(recorded.path) as queries:
        yield queries


_LETTERS = st.characters(
    codec="utf-8",
    include_characters="äßéñçøıſαςΩжЙкאשעب한국東京のカนี้हिन",
    max_codepoint=0x7F,
)


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorded, Queries]]:
    """
    A database that is searched while messages are added to it.
    """
    recorded = Recorded(tmp_path_factory.mktemp("growing") / "runs.db")
    with Queries(recorded.path) as queries:
        yield recorded, queries
    recorded.close()


@given(texts=st.lists(st.text(_LETTERS, max_size=60), min_size=1, max_size=6), data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_word_of_a_message_finds_it(
    growing: tuple[Recorded, Queries], texts: list[str], data: st.DataObject
) -> None:
    """
    Each word of each stored message finds it, and the snippet marks the word.
    """
    recorded, queries = growing
    words = [(at, word) for at, text in enumerate(texts) for word in _words(text)]
    run_id = uuid.uuid4().hex
    ids = say(recorded, *texts, run_id=run_id)
    for at, word in data.draw(st.lists(st.sampled_from(words), max_size=5)) if words else ():
        rows = {row["message_id"]: row for row in queries.search(f'"{word}"', run_id=run_id)}
        row = rows[ids[at]]
        assert row["marks"]
        for begun, ended in row["marks"]:
            assert 0 <= begun < ended <= len(row["snippet"])


def _words(text: str) -> list[str]:
    kept = "".join(c if (c.isascii() and c.isalnum()) or c > "\x7f" else " " for c in text)
    return [word for word in kept.split() if any(map(str.isalnum, word))]


def test_scripts_without_spaces_and_emoji_are_found_inside_of_sentences(
    recorded: Recorded,
) -> None:
    """
    A part of a sentence in Chinese, Japanese, Korean or Thai finds it, and so does emoji.
    """
    chinese, korean, thai, party = say(
        recorded, "我想去東京旅行", "한국어를 배웁니다", "ฉันอยากไปกรุงเทพฯ", "done 🎉🎉 now ❤\ufe0f"
    )
    assert found(recorded.path, "東京") == [chinese]
    assert found(recorded.path, "京東") == []
    assert found(recorded.path, "한국") == [korean]
    assert found(recorded.path, "กรุงเทพ") == [thai]
    assert found(recorded.path, "🎉") == found(recorded.path, "❤") == [party]
    with Queries(recorded.path) as queries:
        (row,) = queries.search("東京")
    assert row["snippet"] == "我想去東京旅行"
    assert row["marks"] == [[3, 5]]


def test_json_is_read_not_searched(recorded: Recorded) -> None:
    """
    Values in JSON are found, with their names, also inside of strings; its syntax is not.
    """
    with recorded:
        recorded.run("r", agent_name="a")
        asked = recorded.message('{"query": "Lisbon \\u00e9t\\u00e9", "days": 2}')
        gave = recorded.message('[{"name": "Casa Azul"}]')
        recorded.tool_call("r", "book", arguments=asked, result=gave)
        parts = [
            {"type": "reasoning", "content": "perhaps Porto"},
            {"type": "tool_call", "id": "c", "name": "go", "arguments": '{"city": "Faro"}'},
            {"type": "tool_call_response", "id": "c", "response": {"ok": True}},
            {"type": "blob", "mime_type": "image/png", "content": "QUJD" * 200},
            {"type": "text", "content": "tail \ud83d"},
        ]
        said = recorded.message(json.dumps({"role": "assistant", "parts": parts}))
        recorded.step("r", 0, "assistant", said)
    assert found(recorded.path, "ete lisbon") == [asked]
    assert found(recorded.path, "u00e9t") == []
    assert found(recorded.path, "azul") == [gave]
    for word in ("porto", "go", "city faro", "ok true", "tail", "png"):
        assert found(recorded.path, word) == [said], word
    for word in ("parts", "reasoning", "tool_call", "QUJD*"):
        assert found(recorded.path, word) == [], word
    with Queries(recorded.path) as queries:
        (row,) = queries.search("lisbon")
        assert (row["role"], row["tool_name"], row["snippet"]) == (
            "tool arguments",
            "book",
            "query: Lisbon été days: 2",
        )


def test_a_very_long_message_is_found_and_shown_in_part(recorded: Recorded) -> None:
    """
    The snippet of a long text is the stretch with the most matches, cut at words.
    """
    filler = "lorem ipsum " * 50_000
    say(recorded, f"{filler}needle {filler}a needle in the needle stack {filler}")
    with Queries(recorded.path) as queries:
        (row,) = queries.search("needle")
    assert len(row["snippet"]) <= 162
    assert "needle in the needle stack" in row["snippet"]
    assert [row["snippet"][a:b] for a, b in row["marks"]] == ["needle", "needle"]
    assert row["snippet"].startswith("…")
    assert row["snippet"].endswith("…")


def test_json_that_is_too_deep_is_searched_as_text(recorded: Recorded) -> None:
    """
    However deep a body is nested, its words are found.
    """
    deep = "[" * 100_000 + '"bottom"' + "]" * 100_000
    mild = "[" * 200 + '"middle"' + "]" * 200
    with recorded:
        recorded.run("r")
        for at, body in enumerate((deep, mild)):
            recorded.step("r", at, "tool", recorded.message(body))
    assert found(recorded.path, "bottom") == [1]
    assert found(recorded.path, "middle") == [2]


def test_a_message_said_in_two_runs_is_a_hit_in_each(recorded: Recorded) -> None:
    """
    The latest place comes first, however old the message, and each says where it is.
    """
    with recorded:
        old = recorded.said("yes, please")
        newer = recorded.said("yes")
        for run_id, start in (("one", NOON), ("two", NOON + 60 * SECOND)):
            recorded.run(run_id, ("red",), agent_name=f"agent-{run_id}", session_id="s")
            recorded.step(run_id, 1, "user", old, time_ns=start)
        recorded.step("one", 2, "assistant", newer, time_ns=NOON + SECOND)
    with Queries(recorded.path) as queries:
        hits = [(row["run_id"], row["message_id"]) for row in queries.search("yes")]
        assert hits == [("two", old), ("one", newer), ("one", old)]
        (row,) = queries.search("yes", agent_name="agent-two")
    assert row["session_id"] == "s"
    assert row["role"] == "user"


def test_filters_narrow_and_times_are_local(recorded: Recorded) -> None:
    """
    Each filter leaves what it names, and times without an offset are of the time zone.
    """
    with recorded:
        said = recorded.said("hello")
        for at, name in enumerate(("a", "b")):
            recorded.run(
                name,
                (name,),
                agent_name=name,
                session_id=name,
                user_id=name,
                service=name,
            )
            recorded.step(name, 0, "user" if at else "assistant", said, time_ns=NOON + at)
        recorded.tool_call("b", "t", arguments=said, start_ns=NOON + 3600 * SECOND)
    for name in ("agent_name", "session_id", "user_id", "run_id", "service", "tag"):
        assert len(found(recorded.path, "hello", **{name: "a"})) == 1, name
        assert len(found(recorded.path, "hello", **{name: ["a", "b"]})) == 3, name
    assert len(found(recorded.path, "hello", role="user")) == 1
    assert len(found(recorded.path, "hello", role="tool")) == 1
    assert len(found(recorded.path, "hello", role="tool result")) == 0
    assert len(found(recorded.path, "hello", tool_name="t")) == 1
    # 1,750,000,000 is 15:06:40 UTC, 17:06:40 in Paris.
    for zone, since, hits in (
        ("Europe/Paris", "2025-06-15T17:06:41", 1),
        ("Europe/Paris", "2025-06-15T17:06:40", 3),
        ("UTC", "2025-06-15T17:06:40", 0),
    ):
        assert len(found(recorded.path, "hello", since=since, timezone=zone)) == hits
    assert len(found(recorded.path, "hello", until="2025-06-15T15:06:41Z")) == 2
    for wrong in ({"role": "nobody"}, {"limit": 0}, {"limit": None}, {"model": "m"}):
        with pytest.raises(QueryError):
            found(recorded.path, "hello", **wrong)


def test_hidden_rolled_back_and_condensed_steps_are_found_and_marked(recorded: Recorded) -> None:
    """
    What the model no longer sees was said all the same.
    """
    with recorded:
        recorded.run("r")
        hidden, back, long, short = map(
            recorded.said, ("word hidden", "word back", "word long", "word short")
        )
        recorded.step("r", 0, "user", hidden, hidden=1)
        recorded.step("r", 1, "user", back, rolled_back=1)
        recorded.step("r", 2, "user", long, condensed_message=short)
    with Queries(recorded.path) as queries:
        rows = {row["message_id"]: row for row in queries.search("word")}
    states = ("hidden", "rolled_back", "condensed")
    assert {n: [s for s in states if rows[n][s]] for n in rows} == {
        hidden: ["hidden"],
        back: ["rolled_back"],
        long: [],
        short: ["condensed"],
    }


def test_a_system_prompt_is_one_hit_a_run(recorded: Recorded) -> None:
    """
    What all calls of a run begin with is found once in it, if it is a system prompt.
    """
    with recorded:
        prompt = recorded.said("You are helpful", "system")
        asked = recorded.said("be helpful", "user")
        for run_id in ("one", "two"):
            recorded.run(run_id)
            for _ in range(3):
                recorded.llm_call(run_id, input_messages=f"[{prompt}, {asked}]")
        recorded.run("three")
        recorded.llm_call("three", input_messages=f"[{asked}]")
    with Queries(recorded.path) as queries:
        rows = queries.search("helpful").dicts()
    assert [(row["run_id"], row["role"]) for row in rows] == [("one", "system"), ("two", "system")]


def test_what_a_tool_gave_is_one_hit(backend: Backend) -> None:
    """
    A tool's result that is a step as well is found once, on every kind of database, with
    what it was given, and so is what people and models said.
    """
    fields = tool("search", "c1")
    fields["attributes"]["gen_ai.tool.call.arguments"] = '{"q": "needle"}'
    fields["attributes"]["gen_ai.tool.call.result"] = '{"found": "a needle"}'
    asked = {"gen_ai.input.messages": message("user", "find the needle")}
    spans = [
        span(1, 1, **agent("a", **{"gen_ai.conversation.id": "s", **asked})),
        span(1, 2, 1, **chat("needle", 5)),
        span(1, 3, 1, **fields),
    ]
    store(backend.target, [spans])
    with Queries(backend.target) as queries:
        for _ in range(2):
            rows = queries.search("needle").dicts()
            assert {(row["role"], row["tool_name"]) for row in rows} == {
                ("tool", "search"),
                ("tool arguments", "search"),
                ("assistant", None),
                ("user", None),
            }
            assert len(rows) == 4
            assert {row["session_id"] for row in rows} == {"s"}
        store(backend.target, [[span(2, 1, **agent("b", **asked))]])
        assert len(queries.search("needle")) == 5


@pytest.mark.parametrize("candidates", [50, 1000])
@pytest.mark.parametrize("common", [0, 30, 10_000])
@pytest.mark.parametrize("limit", [1, 7, 500])
def test_common_words_are_found_as_rare_ones_are(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, common: int, candidates: int, limit: int
) -> None:
    """
    However many messages a word is in, the hits are the latest that pass the filters.
    """
    monkeypatch.setattr(searcher, "_COMMON", common)
    monkeypatch.setattr(searcher, "_VERY_COMMON", common)
    monkeypatch.setattr("otel_bridge_queries.search.index.PART_IDS", 16)
    monkeypatch.setattr("otel_bridge_queries.search.index._TELLING", 20)
    monkeypatch.setattr("otel_bridge_queries.search.places._NEWEST_STEPS", 20)
    monkeypatch.setattr("otel_bridge_queries.search.places._CANDIDATES", candidates)
    expected = []
    with recorded:
        for run in range(4):
            recorded.run(f"r{run}", agent_name=f"a{run % 2}")
        for at in range(120):
            number = recorded.said(f"common {'odd' if at % 3 else 'even'} {at}")
            time_ns = NOON + at * 7919 % 127 * SECOND
            recorded.step(f"r{at % 4}", at, "user", number, time_ns=time_ns)
            if at % 4 % 2 and at % 3:
                expected.append((-time_ns, number))
    wanted = [number for _, number in sorted(expected)][:limit]
    assert found(recorded.path, "common odd", agent_name="a1", limit=limit) == wanted
    everyone = found(recorded.path, "common odd", limit=500)
    assert len(everyone) == 80
    assert found(recorded.path, "common odd", limit=limit) == everyone[:limit]


def test_the_best_match_comes_first_if_asked(recorded: Recorded) -> None:
    """
    With `rank`, a short text that is all about a word comes before a long one that is not.
    """
    good, poor = say(recorded, "refund", "a refund " + "and other things " * 30)
    assert found(recorded.path, "refund") == [poor, good]
    assert found(recorded.path, "refund", rank=True) == [good, poor]
    with Queries(recorded.path) as queries:
        scores = [row["score"] for row in queries.search("refund", rank=True)]
        assert scores[0] > scores[1]
        assert {row["score"] for row in queries.search("refund")} == {None}
