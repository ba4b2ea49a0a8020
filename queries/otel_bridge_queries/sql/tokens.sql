-- Sums the tokens of LLM calls by any keys, with the share of input read from a cache.
--
-- A sum is NULL where no call of the group told. The share is over the calls that told
-- both numbers.
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
    CASE
        WHEN count(input_tokens) + count(output_tokens) > 0
        THEN coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0)
    END AS total_tokens,
    count(*) FILTER (input_tokens IS NULL AND output_tokens IS NULL) AS calls_without_usage,
    sum(cache_read_tokens) FILTER (input_tokens IS NOT NULL)::DOUBLE
        / nullif(sum(input_tokens) FILTER (cache_read_tokens IS NOT NULL), 0)
        AS cache_hit_ratio
FROM asked.llm_calls()
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), total_tokens DESC NULLS LAST,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
