-- Sums and times LLM calls by any keys, for one side of a comparison.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cost_picousd) AS cost_picousd,
    count(*) - count(cost_picousd) AS unpriced_calls,
    milliseconds(quantile_cont(duration_ns, 0.50)) AS p50_ms,
    milliseconds(quantile_cont(duration_ns, 0.95)) AS p95_ms,
    count(*) FILTER (status = 'error') / count(*) AS error_rate
FROM asked.llm_calls()
GROUP BY ALL
ORDER BY COLUMNS(lambda name: asked(name))
LIMIT $limit
