"""
Prices are exact, of the call's time, and never a guess.
"""

from datetime import UTC, datetime, time
from decimal import Decimal
from threading import Thread
from typing import Any

import captures
import pytest
from genai_prices import Usage as ListUsage
from genai_prices.data_snapshot import get_snapshot
from hypothesis import assume, given
from hypothesis import strategies as st
from otel_bridge_storage.readings import Price, Usage

from otel_bridge.pricing import GenaiPrices, genai
from otel_bridge.pricing.rates import Rates

PRICER = GenaiPrices()
NOW = 1_790_000_000 * 10**9
MODELS = [(provider, model) for provider in get_snapshot().providers for model in provider.models]


def price(
    provider: str | None = "openai",
    model: str | None = "gpt-4o-mini",
    time_ns: int = NOW,
    service_tier: str | None = None,
    **tokens: int,
) -> Price:
    """
    Price a call.
    """
    return PRICER.price(
        provider=provider,
        model=model,
        usage=Usage(**tokens),
        time_ns=time_ns,
        service_tier=service_tier,
    )


@pytest.mark.parametrize("name", captures.names())
def test_a_capture_costs_what_was_worked_out_by_hand(name: str) -> None:
    """
    The prices of a capture's calls add up to its reference cost.
    """
    truth = captures.expected(name)
    reference = truth.get("reference_cost_usd")
    if reference is None:
        return
    total = 0
    for call in truth["per_call"]:
        told = call["usage"]
        found = price(
            "anthropic" if call["request_model"].startswith("claude") else "openai",
            call["response_model"],
            input_tokens=told["input_tokens"],
            output_tokens=told["output_tokens"],
            cache_read_tokens=told["cache_read"],
            cache_write_tokens=told["cache_write"],
            reasoning_tokens=told["reasoning"],
        )
        assert found.picousd is not None
        total += found.picousd
    assert total == Decimal(str(reference)) * 10**12


@given(
    st.sampled_from(MODELS),
    st.integers(0, 400_000),
    st.integers(0, 100_000),
    st.lists(st.integers(0, 100), min_size=4, max_size=4),
    st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 (hypothesis)
    st.sampled_from([None, "batch", "flex", "priority", "fast"]),
)
def test_every_price_is_that_of_the_price_list(
    chosen: tuple[Any, Any],
    total: int,
    output: int,
    shares: list[int],
    moment: datetime,
    tier: str | None,
) -> None:
    """
    For every model, time, service tier and usage, a price is what the list's own
    calculation gives, to the last digit.
    """
    provider, model = chosen
    moment = moment.replace(tzinfo=UTC)
    read = total * shares[0] // 201
    write = total * shares[1] // 201
    hour = write * shares[2] // 100
    reasoning = output * shares[3] // 100
    rates = GenaiPrices()._rates_of(model, True, int(moment.timestamp()) * 10**9, tier)
    assume(rates is not None)
    assert rates is not None
    found = rates.price(
        Usage(
            input_tokens=total,
            output_tokens=output,
            cache_read_tokens=read,
            cache_write_tokens=write,
            cache_write_1h_tokens=hour,
            reasoning_tokens=reasoning,
        )
    )
    assume(found.picousd is not None)
    usage = ListUsage(
        input_tokens=total,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=hour,
        output_reasoning_tokens=reasoning,
    )
    told = None if tier is None else dict.fromkeys(("processing", "service_tier", "speed"), tier)
    expected = model.calc_price(
        usage, provider, genai_request_timestamp=moment, price_context=told
    ).total_price
    assert found.picousd == round(expected * 10**12)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("OpenAI", "gpt-4o-mini"),
        ("openai.chat", "gpt-4o-mini"),
        ("azure.ai.openai", "gpt-4o-mini"),
        ("az.ai.openai", "gpt-4o-mini"),
        ("microsoft.agent_framework", "gpt-4o-mini"),
        ("anthropic", "gpt-4o-mini"),
        (None, "gpt-4o-mini"),
        (None, "openai/gpt-4o-mini"),
    ],
)
def test_a_wrong_provider_does_not_hide_the_model(provider: str | None, model: str) -> None:
    """
    Names of telemetry are those of the price list, and a provider that is wrong or
    missing leaves the model's own name to find it.
    """
    assert price(provider, model, input_tokens=1000, output_tokens=100).picousd == 210_000_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("gcp.gemini", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "models/gemini-2.5-pro"),
        ("gcp.gen_ai", "gemini-2.5-pro"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("amazon-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("anthropic_bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("google_anthropic_vertex", "claude-sonnet-4-5"),
        ("groq.chat", "llama-3.3-70b-versatile"),
        ("grok", "grok-4"),
        ("mistral_ai", "mistral-large-latest"),
        ("x_ai", "grok-4"),
        ("deepseek", "deepseek-chat"),
        ("groq", "llama-3.3-70b-versatile"),
    ],
)
def test_the_conventions_names_of_providers_are_known(provider: str, model: str) -> None:
    """
    The provider names of the GenAI conventions lead to a price.
    """
    assert price(provider, model, input_tokens=1000, output_tokens=100).picousd


@pytest.mark.parametrize(
    ("provider", "model", "tokens", "reason"),
    [
        ("openai", None, {"input_tokens": 1}, "the model is not known"),
        ("openai", "bad-model", {"input_tokens": 1}, "no price for the model bad-model"),
        (None, "bad-model", {"input_tokens": 1}, "no price for the model bad-model"),
        ("ollama", "gpt-4o-mini", {"input_tokens": 1}, "ollama runs models locally"),
        ("ollama.chat", "gpt-oss-120b", {"input_tokens": 1}, "runs models locally"),
        ("hosted_vllm", "gpt-oss-120b", {"input_tokens": 1}, "runs models locally"),
        ("deepinfra", "gpt-oss-120b", {"input_tokens": 1}, "no price for the model gpt-oss-120b"),
        ("groq.chat", "mixtral-8x7b", {"input_tokens": 1}, "no price for the model mixtral-8x7b"),
        ("openai", "gpt-4o-mini", {}, "the number of input tokens is not known"),
        ("openai", "gpt-4o-mini", {"input_tokens": 1}, "the number of output tokens"),
        ("openai", "gpt-4o-mini", {"output_tokens": 1}, "the number of input tokens"),
        ("openai", "whisper-1", {"input_tokens": 1}, "no price for input tokens"),
        (
            "openai",
            "gpt-4o-mini",
            {"input_tokens": 1, "output_tokens": 1, "cache_read_tokens": 2},
            "more cached tokens than input tokens",
        ),
    ],
)
def test_what_is_not_known_is_unpriced(
    provider: str | None, model: str | None, tokens: dict[str, Any], reason: str
) -> None:
    """
    A missing model, price or count gives a reason and no number, never zero.
    """
    found = price(provider, model, **tokens)
    assert found.picousd is None
    assert reason in (found.unpriced_reason or "")


def test_a_free_model_costs_nothing() -> None:
    """
    A model that is truly free costs zero, which is a price.
    """
    free = price("openrouter", "deepseek/deepseek-r1:free", input_tokens=5, output_tokens=5)
    assert free == Price(picousd=0)


def test_an_embedding_needs_no_output() -> None:
    """
    A model without output is priced by its input.
    """
    assert price("openai", "text-embedding-3-small", input_tokens=1_000_000).picousd == 2 * 10**10


def test_the_price_is_that_of_the_calls_time() -> None:
    """
    A call of before a change of prices costs what it cost then.
    """
    change = int(datetime(2026, 3, 13, tzinfo=UTC).timestamp()) * 10**9
    tokens: dict[str, Any] = {"input_tokens": 300_000, "output_tokens": 0}
    before = price("anthropic", "claude-sonnet-4-6", change - 1, **tokens)
    after = price("anthropic", "claude-sonnet-4-6", change, **tokens)
    assert (before.picousd, after.picousd) == (18 * 10**11, 9 * 10**11)


def test_each_of_several_changes_of_price_holds_from_its_day() -> None:
    """
    Of a model whose price changed more than once, a call at any time has the price of the
    last change before it, to the nanosecond.
    """
    ((provider, model), starts) = max(
        ((chosen, _starts(chosen[1])) for chosen in MODELS), key=lambda found: len(found[1])
    )
    assert len(starts) > 1
    for start, before, after in starts:
        assert provider
        told = [GenaiPrices()._rates_of(model, True, start + offset, None) for offset in (-1, 0)]
        assert told == [Rates.of(before, free=False), Rates.of(after, free=False)]


def _starts(model: Any) -> list[tuple[int, Any, Any]]:
    """
    Give the changes of a model's price: when, from what, to what.
    """
    prices = model.prices if isinstance(model.prices, list) else []
    dates: list[Any] = [getattr(price.constraint, "start_date", None) for price in prices]
    if (
        len(prices) < 2
        or dates[0] is not None
        or None in dates[1:]
        or dates[1:] != sorted(dates[1:])
    ):
        return []
    return [
        (
            int(datetime.combine(dates[n], time(), UTC).timestamp()) * 10**9,
            prices[n - 1].prices,
            prices[n].prices,
        )
        for n in range(1, len(prices))
    ]


def test_what_is_cached_for_an_hour_costs_more() -> None:
    """
    Cache writes cost by how long they are kept: five minutes if nothing else is told.
    """
    tokens: dict[str, Any] = {
        "input_tokens": 100_000,
        "output_tokens": 0,
        "cache_write_tokens": 100_000,
    }
    short, long, mixed = (
        price("anthropic", "claude-sonnet-4-5", cache_write_1h_tokens=hour, **tokens).picousd
        for hour in (0, 100_000, 40_000)
    )
    assert price("anthropic", "claude-sonnet-4-5", **tokens).picousd == short
    assert (short, long) == (100_000 * 3_750_000, 100_000 * 6_000_000)
    assert mixed == 60_000 * 3_750_000 + 40_000 * 6_000_000


@pytest.mark.parametrize("tier", ["default", "auto", "standard", "on_demand", "ON-DEMAND", ""])
def test_the_usual_service_tier_has_the_usual_price(tier: str) -> None:
    """
    What providers call their usual way of serving changes no price.
    """
    found = price(service_tier=tier, input_tokens=1000, output_tokens=100)
    assert found.picousd == 210_000_000


@pytest.mark.parametrize(
    ("provider", "model", "tier", "share"),
    [
        ("anthropic", "claude-sonnet-4-5", "batch", "0.5"),
        ("openai.responses", "gpt-5", "flex", "0.5"),
        ("openai", "gpt-5", "BATCH", "0.5"),
        ("openai", "gpt-5", "priority", "2"),
    ],
)
def test_a_service_tier_of_the_list_has_its_own_price(
    provider: str, model: str, tier: str, share: str
) -> None:
    """
    A call through a batch API or a service tier costs what the list says of that.
    """
    late = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9
    usual, found = (
        price(provider, model, late, word, input_tokens=1000, output_tokens=100).picousd
        for word in (None, tier)
    )
    assert usual is not None
    assert found == usual * Decimal(share)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "day"),
    [
        ("openai", "gpt-4o-mini", "reserved", datetime(2026, 11, 20, tzinfo=UTC)),
        ("anthropic", "claude-sonnet-4-5", "priority", datetime(2026, 11, 20, tzinfo=UTC)),
        # Azure sells the model at OpenAI's list price; what a batch costs there is not told.
        ("azure", "gpt-5", "batch", datetime(2026, 11, 20, tzinfo=UTC)),
        ("anthropic", "claude-sonnet-4-5", "batch", datetime(2025, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_service_tier_without_a_price_is_unpriced(
    provider: str, model: str, tier: str, day: datetime
) -> None:
    """
    A tier that the list knows nothing of, for that seller and at that time, gives the
    reason and no number: neither zero nor the usual price.
    """
    at = int(day.timestamp()) * 10**9
    found = price(provider, model, at, tier, input_tokens=1000, output_tokens=100)
    assert found.picousd is None
    assert f"no price for the service tier {tier}" in (found.unpriced_reason or "")


def test_many_calls_of_a_tier_are_remembered_once() -> None:
    """
    Pricing a tier again and again takes no more memory.
    """
    pricer = GenaiPrices()
    late = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9
    for second in range(50):
        pricer.price(
            provider="openai",
            model="gpt-5",
            usage=Usage(input_tokens=1, output_tokens=1),
            time_ns=late + second * 10**9,
            service_tier="flex",
        )
    assert len(pricer._rates) == 1


def test_more_than_a_call_can_cost_is_not_believed() -> None:
    """
    A count of tokens beyond all sense leaves the call unpriced, and sums in 64 bits.
    """
    found = price(input_tokens=2**53, output_tokens=0)
    assert found.picousd is None
    assert "not believed" in (found.unpriced_reason or "")


def test_a_long_input_costs_more_from_its_first_token_beyond_the_limit() -> None:
    """
    An input of exactly the limit has the base price; one token more, and all tokens have
    the higher one.
    """
    at, above = (
        price("google", "gemini-2.5-pro", input_tokens=count, output_tokens=0)
        for count in (200_000, 200_001)
    )
    assert (at.picousd, above.picousd) == (200_000 * 1_250_000, 200_001 * 2_500_000)


@pytest.mark.parametrize("time_ns", [-1, 0, 2**63 - 1, 2**64])
def test_an_odd_time_does_no_harm(time_ns: int) -> None:
    """
    A time before 1970 or far in the future is priced like the nearest known.
    """
    assert price(time_ns=time_ns, input_tokens=1000, output_tokens=100).picousd == 210_000_000


def test_warming_leaves_the_first_price_as_it_is() -> None:
    """
    After warming, in another thread or not, the price list is imported and prices are the
    same.
    """
    pricer = GenaiPrices()
    threads = [Thread(target=pricer.warm) for _ in range(4)]
    genai._snapshots.cache_clear()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert genai._snapshots.cache_info().currsize == 1
    usage = Usage(input_tokens=1000, output_tokens=100)
    found = pricer.price(provider="openai", model="gpt-4o-mini", usage=usage, time_ns=NOW)
    assert found.picousd == 210_000_000
