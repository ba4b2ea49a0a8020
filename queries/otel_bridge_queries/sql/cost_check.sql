-- Compares what LLM calls cost with what their telemetry claims, over the calls that have both.
--
-- Both sums are over the same calls, the compared ones: neither is what all calls cost. The
-- four kinds of calls (compared, only_ours, only_emitted, neither) add up to `llm_calls`. The
-- key `source` is the dialect that read the claim.
--
--   $limit     how many rows at most, or NULL
SELECT
    COLUMNS(lambda name: asked(name)),
    count(*) AS llm_calls,
    count(*) FILTER (cost_picousd IS NOT NULL AND claimed_picousd IS NOT NULL)
        AS compared_calls,
    usd(sum(cost_picousd) FILTER (claimed_picousd IS NOT NULL)) AS compared_cost_usd,
    usd(sum(claimed_picousd) FILTER (cost_picousd IS NOT NULL)) AS compared_emitted_usd,
    usd(sum(claimed_picousd - cost_picousd)) AS difference_usd,
    count(*) FILTER (cost_picousd IS NOT NULL AND claimed_picousd IS NULL) AS only_ours_calls,
    count(*) FILTER (cost_picousd IS NULL AND claimed_picousd IS NOT NULL)
        AS only_emitted_calls,
    count(*) FILTER (cost_picousd IS NULL AND claimed_picousd IS NULL) AS neither_calls
FROM asked.llm_calls()
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)),
    abs(sum(claimed_picousd - cost_picousd)) DESC NULLS LAST,
    COLUMNS(lambda name: asked(name))
LIMIT $limit
