"""
A user's own prices: exact, the most specific first, and every mistake told with its cure.
"""

import contextlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.errors import OtelBridgeError, PriceFileError
from otel_bridge_storage.readings import Price, Usage

from otel_bridge.pricing import GenaiPrices, PriceFile, prices_of
from otel_bridge.pricing.price_terms import TERMS

NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9
THOUSAND = Usage(input_tokens=1000, output_tokens=100)


@pytest.fixture
def write(tmp_path: Path) -> "Write":
    """
    Writes a price file.
    """
    return Write(tmp_path / "prices.toml")


class Write:
    """
    A price file that tests write anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> PriceFile:
        """
        Write the file and read it.
        """
        self.path.write_text(text, encoding="utf-8")
        return PriceFile(self.path)


def price(
    pricer: PriceFile,
    model: str | None = "acme-1",
    provider: str | None = "acme",
    *,
    usage: Usage = THOUSAND,
    time_ns: int = NOW,
    tier: str | None = None,
) -> Price:
    """
    Price a call.
    """
    return pricer.price(
        provider=provider, model=model, usage=usage, time_ns=time_ns, service_tier=tier
    )


def ns(*day: int) -> int:
    """
    Give the beginning of a day in UTC.
    """
    year, month, date = day
    return int(datetime(year, month, date, tzinfo=UTC).timestamp()) * 10**9


def test_each_kind_of_token_has_its_own_price(write: Write) -> None:
    """
    Input, output, cache and reasoning are each paid at what the file says, to the last
    digit.
    """
    pricer = write(
        """
        [[price]]
        model = "acme-1"
        input = 1
        output = 2.000001
        cache_read = 0.1
        cache_write = 1.25
        cache_write_1h = 3
        reasoning = 5
        per_thousand_requests = 7
        """
    )
    usage = Usage(
        input_tokens=1000,
        output_tokens=100,
        cache_read_tokens=200,
        cache_write_tokens=300,
        cache_write_1h_tokens=50,
        reasoning_tokens=40,
    )
    by_hand = 500 * 1 + 200 * Decimal("0.1") + 250 * Decimal("1.25") + 50 * 3
    by_hand += 60 * Decimal("2.000001") + 40 * 5
    assert price(pricer, usage=usage) == Price(
        picousd=int(by_hand * 10**6) + 7 * 10**9,
    )


@given(
    st.decimals(0, 1000, places=9),
    st.decimals(0, 1000, places=9),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_any_decimal_is_taken_exactly(
    tmp_path_factory: pytest.TempPathFactory, first: Decimal, second: Decimal, put: int, got: int
) -> None:
    """
    Prices with nine decimals give the cost that decimal arithmetic gives, rounded once to a
    millionth of a millionth.
    """
    path = tmp_path_factory.getbasetemp() / "exact.toml"
    path.write_text(f'[[price]]\nmodel = "m"\ninput = {first:f}\noutput = {second:f}\n')
    found = price(PriceFile(path), "m", usage=Usage(input_tokens=put, output_tokens=got))
    assert found.picousd == round((first * put + second * got) * 10**6)


def test_the_file_comes_before_the_price_list(write: Write) -> None:
    """
    A model that the file names has its price, and any other that of the price list.
    """
    pricer = write('[[price]]\nmodel = "gpt-4o-mini"\ninput = 1\noutput = 1\n')
    listed = GenaiPrices()
    other = {"provider": "openai", "model": "gpt-4o", "usage": THOUSAND, "time_ns": NOW}
    assert price(pricer, "gpt-4o-mini", "openai").picousd == 1100 * 10**6
    assert pricer.price(**other) == listed.price(**other)  # type: ignore[arg-type]
    assert price(pricer, "no-such").unpriced_reason == "no price for the model no-such of acme"
    assert price(pricer, None).unpriced_reason == "the model is not known"


@pytest.mark.parametrize(
    ("model", "provider", "dollars"),
    [
        ("acme-large-2", "acme", 1),
        ("ACME-LARGE-2", "Acme", 1),
        ("acme-large-2", "reseller", 2),
        ("acme-large-3", "acme", 3),
        ("acme-small", "reseller", 4),
        ("acme", "reseller", 5),
    ],
)
def test_the_most_specific_entry_counts(
    write: Write, model: str, provider: str, dollars: int
) -> None:
    """
    A name goes before a pattern, a longer pattern before a shorter, and an entry for one
    provider before one for all, whatever their order in the file.
    """
    pricer = write(
        """
        price = [
            { model = "*", input = 5, output = 5 },
            { model = "acme-*", input = 4, output = 4 },
            { model = "acme-large-?", input = 3, output = 3 },
            { model = "acme-large-2", input = 2, output = 2 },
            { model = "acme-large-2", provider = "acme", input = 1, output = 1 },
        ]
        """
    )
    assert price(pricer, model, provider).picousd == 1100 * 10**6 * dollars


def test_only_stars_and_question_marks_are_patterns(write: Write) -> None:
    """
    Brackets, dots and pluses in a name mean themselves.
    """
    pricer = write('[[price]]\nmodel = "opus.4[1m]+*"\ninput = 1\noutput = 1\n')
    assert price(pricer, "opus.4[1m]+x").picousd == 1100 * 10**6
    assert price(pricer, "opus-4[1m]+x").picousd is None
    assert price(pricer, "opus.41").picousd is None


@pytest.mark.parametrize("told", ["azure", "az.ai.openai", "azure.ai.openai", "Azure_OpenAI"])
def test_a_provider_is_meant_by_all_its_names(write: Write, told: str) -> None:
    """
    The general name of a provider covers those that instrumentations give it, and no
    other provider.
    """
    pricer = write('[[price]]\nmodel = "gpt-5"\nprovider = "azure"\ninput = 9\noutput = 9\n')
    assert price(pricer, "gpt-5", told).picousd == 9900 * 10**6
    assert price(pricer, "gpt-5", "openai").picousd != 9900 * 10**6
    assert price(pricer, "gpt-5", None).picousd != 9900 * 10**6


def test_one_name_of_a_provider_covers_that_name_alone(write: Write) -> None:
    """
    A provider's special name in the file does not cover its others.
    """
    pricer = write('[[price]]\nmodel = "g*"\nprovider = "gcp.vertex_ai"\ninput = 9\noutput = 9\n')
    assert price(pricer, "gemini-2.5-pro", "gcp.vertex_ai").picousd == 9900 * 10**6
    assert price(pricer, "gemini-2.5-pro", "gcp.gemini").picousd != 9900 * 10**6


def test_a_price_holds_from_its_day_until_its_end(write: Write) -> None:
    """
    The latest price that had begun counts, its first moment included and its end excluded;
    outside of all, the price list does.
    """
    pricer = write(
        """
        [[price]]
        model = "acme-1"
        until = 2026-01-01
        input = 1
        output = 1

        [[price]]
        model = "acme-1"
        from = 2026-01-01
        input = 2
        output = 2

        [[price]]
        model = "acme-1"
        from = 2026-03-01T00:00:00+01:00
        until = 2026-04-01T00:00:00
        input = 3
        output = 3
        """
    )
    starts = [ns(2026, 1, 1), ns(2026, 3, 1) - 3600 * 10**9, ns(2026, 4, 1)]
    told = [
        price(pricer, time_ns=start + offset).picousd for start in starts for offset in (-1, 0)
    ]
    assert told == [dollars * 1100 * 10**6 for dollars in (1, 2, 2, 3, 3, 2)]
    bounded = write('[[price]]\nmodel = "m"\nuntil = 2026-01-01\ninput = 1\noutput = 1\n')
    assert price(bounded, "m", time_ns=ns(2026, 1, 1)).picousd is None


def test_a_long_input_has_the_price_of_its_length(write: Write) -> None:
    """
    An input longer than a limit costs its price for all tokens; what the limit does not
    name stays as it is.
    """
    pricer = write(
        """
        [[price]]
        model = "acme-1"
        input = 1
        output = 10
        long_input = [{ above = 2000, input = 3 }, { above = 1000, input = 2, output = 20 }]
        """
    )
    told = [
        price(pricer, usage=Usage(input_tokens=count, output_tokens=1)).picousd
        for count in (1000, 1001, 2001)
    ]
    assert told == [n * 10**6 for n in (1000 * 1 + 10, 1001 * 2 + 20, 2001 * 3 + 20)]


def test_a_free_model_costs_nothing_whatever_its_usage(write: Write) -> None:
    """
    What runs on one's own machine may be said to cost nothing, also where no tokens are
    told.
    """
    pricer = write('[[price]]\nmodel = "*"\nprovider = "ollama"\nfree = true\n')
    assert price(pricer, "llama3", "ollama", usage=Usage()) == Price(picousd=0)
    assert price(pricer, "llama3", "ollama", tier="batch") == Price(picousd=0)
    assert price(pricer, "llama3", "groq").picousd is None


def test_a_service_tier_has_its_discount_or_prices(write: Write) -> None:
    """
    A discount is off all prices of tokens, long inputs included; prices of a tier stand by
    themselves; and a tier that is not named leaves the call unpriced, with the reason.
    """
    pricer = write(
        """
        [[price]]
        model = "acme-1"
        input = 1
        output = 2
        long_input = [{ above = 5000, input = 3 }]
        per_thousand_requests = 4
        batch_discount = 0.5
        service_tier.flex.discount = 0.1
        service_tier.priority = { input = 10, output = 20 }
        """
    )
    long = Usage(input_tokens=6000, output_tokens=0)
    assert price(pricer).picousd == 1200 * 10**6 + 4 * 10**9
    assert price(pricer, tier="default") == price(pricer)
    assert price(pricer, tier="Batch").picousd == 600 * 10**6 + 4 * 10**9
    assert price(pricer, tier="batch", usage=long).picousd == 9000 * 10**6 + 4 * 10**9
    assert price(pricer, tier="flex").picousd == 1080 * 10**6 + 4 * 10**9
    assert price(pricer, tier="priority").picousd == 12000 * 10**6
    assert price(pricer, tier="scale") == Price(
        unpriced_reason="prices.toml has no price for the service tier scale of the model acme-1"
    )


def test_a_discount_alone_is_off_the_next_price(write: Write) -> None:
    """
    An entry that gives only a discount leaves the price of other calls alone, and takes it
    off what another entry, or the price list, says of the model.
    """
    pricer = write(
        """
        [[price]]
        model = "*"
        provider = "openai"
        batch_discount = 0.25

        [[price]]
        model = "house"
        input = 1
        output = 1
        """
    )
    usual, batch = (
        price(pricer, "gpt-4o-mini", "openai", tier=t).picousd for t in (None, "batch")
    )
    assert (
        usual
        == GenaiPrices()
        .price(provider="openai", model="gpt-4o-mini", usage=THOUSAND, time_ns=NOW)
        .picousd
    )
    assert usual is not None
    assert batch == usual * 3 // 4
    assert price(pricer, "house", "openai", tier="batch").picousd == 825 * 10**6
    assert price(pricer, "no-such", "openai", tier="batch").unpriced_reason == (
        "no price for the model no-such of openai"
    )


def test_what_the_file_does_not_price_is_unpriced(write: Write) -> None:
    """
    Output of a model whose output has no price, or unknown usage, is neither guessed nor
    zero, and the reason names the file.
    """
    pricer = write('[[price]]\nmodel = "acme-1"\ninput = 1\n')
    assert price(pricer).unpriced_reason == (
        "prices.toml has no price for output tokens of this model"
    )
    assert (
        price(pricer, usage=Usage()).unpriced_reason == "the number of input tokens is not known"
    )


@pytest.mark.parametrize(
    ("text", "entry", "cure"),
    [
        ("[[price", "", "not valid TOML"),
        ("price = 1e99999999999999999999999", "", "not valid TOML"),
        ("[models]\n", "", "begin each entry with [[price]]"),
        ("price = 3", "", "begin each with [[price]]"),
        ("price = [3]", "", "begin each with [[price]]"),
        ("[[price]]\ninput = 1", "price 1", 'write model = "gpt-4o"'),
        ("[[price]]\nmodel = 4\ninput = 1", "price 1", 'write model = "gpt-4o"'),
        ("[[price]]\nmodel = ' '\ninput = 1", "price 1", 'write model = "gpt-4o"'),
        ("[[price]]\nmodel = 'm'\nprovider = []\ninput = 1", "(m)", 'write provider = "openai"'),
        ("[[price]]\nmodel = 'm'", "price 1 (m)", "write input and output"),
        ("[[price]]\nmodel = 'm'\noutput = 1", "(m)", "write input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = '1'", "(m)", "such as input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = true", "(m)", "such as input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = -1", "(m)", "such as input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = nan", "(m)", "such as input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = inf", "(m)", "such as input = 2.50"),
        ("[[price]]\nmodel = 'm'\ninput = 1e12", "(m)", "USD for a million tokens"),
        ("[[price]]\nmodel = 'm'\ninptu = 1", "(m)", "the fields are model, provider"),
        ("[[price]]\nmodel = 'm'\nfree = false", "(m)", "write free = true alone"),
        ("[[price]]\nmodel = 'm'\nfree = true\ninput = 1", "(m)", "write free = true alone"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nfrom = '2026'", "(m)", "write from = 2026-01-31"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nuntil = 10:00:00", "(m)", "write until = 2026-01-31"),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\nfrom = 2026-02-01\nuntil = 2026-02-01",
            "(m)",
            "`until` must be later",
        ),
        ("[[price]]\nmodel = 'm'\ninput = 1\nbatch_discount = 50", "(m)", "0.5 is half"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nbatch_discount = '50%'", "(m)", "0.5 is half"),
        ("[[price]]\nmodel = 'm'\ninput = 1\nlong_input = 5", "(m)", "{ above = 200_000"),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\nlong_input = [{input = 2}]",
            "(m)",
            "above = 200_000",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\nlong_input = [{above = 1.5, input = 2}]",
            "long_input",
            "above = 200_000",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\nlong_input = [{above = 5, output = 2}]",
            "long_input",
            "write output there too",
        ),
        ("[[price]]\nmodel = 'm'\nservice_tier = 'flex'", "(m)", "service_tier.flex.discount"),
        ("[[price]]\nmodel = 'm'\nservice_tier.flex = 0.5", "service_tier.flex", "discount = 0.5"),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\nservice_tier.default.discount = 0.5",
            "service_tier.default",
            "write them there",
        ),
        (
            "[[price]]\nmodel = 'm'\nbatch_discount = 0.5\nservice_tier.batch.discount = 0.5",
            "service_tier.batch",
            "remove one",
        ),
        (
            "[[price]]\nmodel = 'm'\nservice_tier.flex = { discount = 0.5, input = 1 }",
            "service_tier.flex",
            "either a discount or prices",
        ),
        (
            "[[price]]\nmodel = 'm'\ninput = 1\n[[price]]\nmodel = 'M'\ninput = 2",
            "price 2 (M)",
            "about the same as price 1",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(
    write: Write, text: str, entry: str, cure: str
) -> None:
    """
    Whatever is wrong in a file, the error names the file, the entry and what to write.
    """
    with pytest.raises(PriceFileError) as caught:
        write(text)
    said = str(caught.value)
    assert str(write.path) in said
    assert entry in said
    assert cure in said


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_file_gives_prices_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    """
    No content of a file raises anything but the error that is meant for it.
    """
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    with contextlib.suppress(PriceFileError):
        PriceFile(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """
    A missing file and a folder are told as such, and are no silent fallback.
    """
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(OtelBridgeError, match="cannot read the price file"):
            prices_of(path)


def test_the_argument_goes_before_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file is found by argument, else by `$OTEL_BRIDGE_PRICES`, and nowhere else.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("given.toml", "named.toml", "otel-bridge-prices.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    monkeypatch.delenv("OTEL_BRIDGE_PRICES", raising=False)
    assert isinstance(prices_of(), GenaiPrices)
    monkeypatch.setenv("OTEL_BRIDGE_PRICES", "named.toml")
    assert [getattr(prices_of(path), "path", None) for path in (None, "given.toml")] == [
        Path("named.toml"),
        Path("given.toml"),
    ]


def test_the_documented_files_are_accepted(write: Write) -> None:
    """
    Each price file in the documentation is one, and means what it says there.
    """
    document = Path(__file__).parents[1] / "docs" / "pricing.md"
    if not document.exists():
        pytest.skip("the documentation is not here")
    (text,) = re.findall(r"```toml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    pricer = write(text)
    assert price(pricer, "gpt-4o-mini", "azure.ai.openai").picousd == 3080 * 10**6
    before, after = (ns(2026, 7, 1) - 1, ns(2026, 7, 1))
    assert price(pricer, "house-model", time_ns=before).picousd == 1400 * 10**6
    assert price(pricer, "house-model", time_ns=after).picousd == 1120 * 10**6
    assert price(pricer, "house-model", tier="batch").picousd == 560 * 10**6
    assert price(pricer, "llama3", "ollama").picousd == 0
    usual = price(pricer, "claude-sonnet-4-5", "anthropic").picousd
    assert usual == 1000 * 3 * 10**6 + 100 * 15 * 10**6
    found = price(pricer, "claude-sonnet-4-5", "anthropic", tier="priority").picousd
    assert found == usual * 9 // 10


def test_every_field_is_documented() -> None:
    """
    The documentation names each field that an entry may have.
    """
    document = Path(__file__).parents[1] / "docs" / "pricing.md"
    if not document.exists():
        pytest.skip("the documentation is not here")
    rows = re.findall(r"^\| (`.*?) \|", document.read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert {"model", "provider", "from", "until", *TERMS} <= named
