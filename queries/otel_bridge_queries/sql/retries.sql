-- Tells how often failed LLM calls were tried again, with what success and at what price.
--
-- A retry is the next call to the same model for the same operation in the same run, begun
-- after the call before it had failed; attempts are the calls of such a row: failures, each
-- followed by a retry, and the call that ends it. `retried` counts these rows. One that ends well has `recovered`,
-- one that ends with a failure `gave_up`, and one whose last call still runs is `pending`.
-- All of a row counts where its first call does. What was wasted is that of its failures;
-- `lost_ms` is the time from the start of its first call to that of its last, or to the end
-- of that if it failed too.
--
--   $limit     how many rows at most, or NULL
WITH troubled AS (
    SELECT DISTINCT run_id FROM asked.llm_calls() WHERE status = 'error'
),
following AS (
    SELECT
        *,
        status = 'error' AS failed,
        coalesce(
            lag(status) OVER calls = 'error'
            AND coalesce(lag(end_ns) OVER calls, lag(start_ns) OVER calls) <= start_ns,
            false
        ) AS is_retry
    FROM asked.llm_calls() SEMI JOIN troubled USING (run_id)
    WINDOW calls AS (
        PARTITION BY run_id, model, operation, tag ORDER BY start_ns, end_ns, span_id
    )
),
numbered AS (
    SELECT
        *,
        is_retry OR coalesce(lead(is_retry) OVER calls, false) AS in_row,
        sum((NOT is_retry)::INTEGER) OVER (calls ROWS UNBOUNDED PRECEDING) AS number
    FROM following
    WINDOW calls AS (
        PARTITION BY run_id, model, operation, tag ORDER BY start_ns, end_ns, span_id
    )
),
placed AS (
    SELECT
        *,
        row_number() OVER attempts AS attempt,
        count(*) OVER whole AS attempts,
        count(*) FILTER (failed) OVER whole AS failures,
        sum(input_tokens) FILTER (failed) OVER whole AS wasted_input,
        sum(output_tokens) FILTER (failed) OVER whole AS wasted_output,
        sum(cost_picousd) FILTER (failed) OVER whole AS wasted_picousd,
        count(*) FILTER (failed AND cost_picousd IS NULL) OVER whole AS wasted_unpriced,
        arg_max(status, (start_ns, end_ns, span_id)) OVER whole AS last_status,
        max(start_ns) OVER whole AS last_start_ns,
        max(end_ns) OVER whole AS last_end_ns
    FROM numbered
    WHERE in_row
    WINDOW
        whole AS (PARTITION BY run_id, model, operation, tag, number),
        attempts AS (
            PARTITION BY run_id, model, operation, tag, number
            ORDER BY start_ns, end_ns, span_id
        )
),
counted AS (
    SELECT *, 1 AS calls, 0 AS retried, (status = 'error')::INTEGER AS errors
    FROM asked.llm_calls()
    UNION ALL BY NAME
    SELECT
        *, 0 AS calls, 1 AS retried, 0 AS errors,
        CASE
            WHEN last_status = 'error' THEN greatest(last_start_ns, coalesce(last_end_ns, 0))
            ELSE last_start_ns
        END - start_ns AS lost_ns
    FROM placed
    WHERE attempt = 1
)
SELECT
    COLUMNS(lambda name: asked(name)),
    sum(calls)::BIGINT AS llm_calls,
    sum(errors)::BIGINT AS error_calls,
    sum(retried)::BIGINT AS retried,
    coalesce(sum(attempts), 0)::BIGINT AS attempts,
    max(attempts) AS most_attempts,
    count(*) FILTER (last_status = 'ok') AS recovered,
    count(*) FILTER (last_status = 'running') AS pending,
    count(*) FILTER (last_status = 'error') AS gave_up,
    count(*) FILTER (last_status = 'ok')
        / nullif(count(*) FILTER (last_status IN ('ok', 'error')), 0) AS recovered_share,
    sum(wasted_input)::HUGEINT AS wasted_input_tokens,
    sum(wasted_output)::HUGEINT AS wasted_output_tokens,
    usd(sum(wasted_picousd)::HUGEINT) AS wasted_cost_usd,
    coalesce(sum(wasted_unpriced), 0)::BIGINT AS wasted_unpriced_calls,
    milliseconds(sum(lost_ns)) AS lost_ms
FROM counted
GROUP BY ALL
ORDER BY
    COLUMNS(lambda name: asked_time(name)), retried DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
