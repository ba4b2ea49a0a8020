-- Counts LLM calls, their tokens and how many ran at once in periods without holes.
--
-- The periods go from `since` or the first call to `until` or the last one, by the calendar
-- of the zone. A call counts in the period that it began in; `peak_calls` is the most that
-- ran at one moment of the period, calls from earlier periods included, among those taken in.
-- A call that ends at the moment in which another begins does not run beside it. Rates are
-- over the part of a period that lies between the bounds and before now.
--
--   $every    minute, quarter_hour, hour, day, week, month or year
--   $now_ns   the moment that counts as now, in nanoseconds since the epoch
--   $limit    how many rows at most, or NULL
WITH call AS (
    SELECT
        COLUMNS(lambda name: asked(name)),
        row(*COLUMNS(lambda name: asked(name))) AS member,
        start_ns, end_ns, input_tokens, output_tokens
    FROM asked.llm_calls()
),
reach AS (
    SELECT
        coalesce(getvariable('since'), min(start_ns)) // 1000 AS low_us,
        coalesce(getvariable('until') - 1, max(start_ns)) // 1000 AS high_us,
        -- No longer than any period, and longer than any two.
        CASE $every
            WHEN 'minute' THEN 60
            WHEN 'quarter_hour' THEN 900
            WHEN 'hour' THEN 900
            WHEN 'day' THEN 12 * 3600
            WHEN 'week' THEN 86_400
            WHEN 'month' THEN 10 * 86_400
            ELSE 100 * 86_400
        END * 1_000_000::BIGINT AS step_us,
        10 * step_us AS ahead_us
    FROM call
    HAVING count(*) > 0
),
instant AS (
    SELECT make_timestamptz(unnest(range(low_us, high_us + ahead_us, step_us))) AS instant
    FROM reach
    WHERE CASE
        WHEN (high_us - low_us) // step_us > 400_000
        THEN error('too many periods: ask for longer ones, or for a shorter time')
        ELSE true
    END
),
period AS (
    SELECT epoch_ns(begun) AS begun_ns, epoch_ns(lead(begun) OVER (ORDER BY begun)) AS next_ns
    FROM (
        SELECT DISTINCT bucket_start($every, instant, getvariable('zone')) AS begun FROM instant
    )
),
shown AS (
    SELECT
        *,
        least(
            next_ns, getvariable('until'),
            CASE WHEN $now_ns::BIGINT > begun_ns THEN $now_ns::BIGINT END
        ) - greatest(begun_ns, getvariable('since')) AS covered_ns
    FROM period
    WHERE begun_ns <= (SELECT high_us * 1000 FROM reach)
),
happening AS (
    SELECT *, start_ns AS at_ns, 1 AS change, 1 AS calls FROM call
    UNION ALL BY NAME
    SELECT
        * EXCLUDE (input_tokens, output_tokens), greatest(end_ns, start_ns + 1) AS at_ns,
        -1 AS change, 0 AS calls
    FROM call
    WHERE end_ns IS NOT NULL
    UNION ALL BY NAME
    SELECT *, begun_ns AS at_ns, 0 AS change, 0 AS calls
    FROM (SELECT DISTINCT * EXCLUDE (start_ns, end_ns, input_tokens, output_tokens) FROM call)
    CROSS JOIN shown
),
running AS (
    SELECT
        *, sum(change) OVER so_far AS at_once, max(begun_ns) OVER so_far AS period_ns
    FROM happening
    WINDOW so_far AS (
        PARTITION BY member ORDER BY at_ns, change ROWS UNBOUNDED PRECEDING
    )
),
counted AS (
    SELECT
        COLUMNS(lambda name: asked(name)),
        period_ns,
        sum(calls)::BIGINT AS calls,
        CASE WHEN sum(calls) = 0 THEN 0 ELSE sum(input_tokens) END AS input_tokens,
        CASE WHEN sum(calls) = 0 THEN 0 ELSE sum(output_tokens) END AS output_tokens,
        max(at_once)::BIGINT AS peak_calls
    FROM running
    GROUP BY ALL
)
SELECT
    COLUMNS(lambda name: asked(name)),
    moment(period_ns) AS period,
    calls, input_tokens, output_tokens,
    calls / (nullif(greatest(covered_ns, 0), 0) / 1e9) AS calls_per_s,
    coalesce(input_tokens + output_tokens, input_tokens, output_tokens)::DOUBLE
        / (nullif(greatest(covered_ns, 0), 0) / 1e9) AS tokens_per_s,
    peak_calls
FROM counted JOIN shown ON begun_ns = period_ns
ORDER BY period_ns, calls DESC, COLUMNS(lambda name: asked(name))
LIMIT $limit
