"""
Prices are exact, of the call's time, and never a guess.
"""

from datetime import UTC, datetime
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

PRICER = GenaiPrices()
NOW = 1_790_000_000 * 10**9
MODELS = [(provider, model) for provider in get_snapshot().providers for model in provider.models]


def price(
    provider: str | None = "openai",
    model: str | None = "gpt-4o-mini",
    time_ns: int = NOW,
    **tokens: int,
) -> Price:
    """
    Price a call.
    """
    return PRICER.price(provider=provider, model=model, usage=Usage(**tokens), time_ns=time_ns)


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
)
def test_every_price_is_that_of_the_price_list(
    chosen: tuple[Any, Any], total: int, output: int, shares: list[int], moment: datetime
) -> None:
    """
    For every model, time and usage, a price is what the list's own calculation gives, to
    the last digit.
    """
    provider, model = chosen
    moment = moment.replace(tzinfo=UTC)
    read = total * shares[0] // 201
    write = total * shares[1] // 201
    hour = write * shares[2] // 100
    reasoning = output * shares[3] // 100
    pricer = GenaiPrices()
    found = pricer._rates_of(model, int(moment.timestamp()) * 10**9).price(
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
    expected = model.calc_price(usage, provider, genai_request_timestamp=moment).total_price
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
    provider: str | None, model: str | None, tokens: dict[str, int], reason: str
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
    tokens = {"input_tokens": 300_000, "output_tokens": 0}
    before = price("anthropic", "claude-sonnet-4-6", change - 1, **tokens)
    after = price("anthropic", "claude-sonnet-4-6", change, **tokens)
    assert (before.picousd, after.picousd) == (18 * 10**11, 9 * 10**11)


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
