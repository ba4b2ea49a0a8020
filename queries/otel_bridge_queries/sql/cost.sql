-- Sums calls, tokens and money of LLM calls by any keys.
--
-- A sum is NULL where no call of the group told; `unpriced_calls` says how many calls
-- `cost_usd` leaves out.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS llm_calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(reasoning_tokens) AS reasoning_tokens,
    usd(sum(cost_picousd)) AS cost_usd,
    count(*) - count(cost_picousd) AS unpriced_calls,
    count(*) FILTER (status = 'error') AS error_calls
FROM asked.llm_calls()
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), sum(cost_picousd) DESC NULLS LAST,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
