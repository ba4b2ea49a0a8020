-- Lists runs as trees of delegation, each with its own calls and those with all runs below.
--
-- A call counts in its own run and in the totals of the runs above it, so that the totals
-- of the runs at the top add up to all calls. A run is listed where it, or one below, is
-- taken in or has a call that is. Of runs that are said to be above each other the one
-- that began first is at the top. The latest tree comes first, its runs from the top down.
--
--   $runs    only these runs and those below them, or NULL
--   $limit   how many trees at most, or NULL
WITH RECURSIVE
tree AS (
    SELECT
        d.run_id, d.parent_run_id, d.root_run_id, d.depth, r.agent_name, r.status,
        r.started_ns, r.ended_ns
    FROM loaded.delegation AS d JOIN loaded.run_states AS r ON r.run_id = d.run_id
),
line AS (
    SELECT run_id, run_id AS above_id, 0 AS distance FROM tree
    UNION ALL
    SELECT line.run_id, tree.parent_run_id, line.distance + 1
    FROM line JOIN tree ON tree.run_id = line.above_id
    WHERE tree.parent_run_id IS NOT NULL
),
own AS (
    SELECT
        run_id, count(*) AS calls, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(cost_picousd) AS cost_picousd,
        count(*) - count(cost_picousd) AS unpriced_calls
    FROM asked.chosen_llm_calls
    GROUP BY run_id
),
total AS (
    SELECT
        line.above_id AS run_id,
        count(*) - 1 AS runs_below,
        coalesce(sum(calls), 0)::BIGINT AS calls,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cost_picousd) AS cost_picousd,
        coalesce(sum(unpriced_calls), 0)::BIGINT AS unpriced_calls,
        count(calls) + count(chosen_id) > 0 AS is_listed
    FROM line
    LEFT JOIN own ON own.run_id = line.run_id
    LEFT JOIN (SELECT run_id AS chosen_id FROM asked.chosen_runs) ON chosen_id = line.run_id
    GROUP BY line.above_id
),
place AS (
    SELECT
        line.run_id,
        list((above.started_ns, above.run_id) ORDER BY line.distance DESC) AS path,
        $runs::VARCHAR[] IS NULL OR bool_or(list_contains($runs::VARCHAR[], line.above_id))
            AS is_wanted
    FROM line JOIN tree AS above ON above.run_id = line.above_id
    GROUP BY line.run_id
),
listed AS (
    SELECT
        tree.*, total.* EXCLUDE (run_id), path,
        dense_rank() OVER (ORDER BY path[1][1] DESC, path[1][2]) AS tree_number
    FROM tree JOIN total USING (run_id) JOIN place USING (run_id)
    WHERE is_listed AND is_wanted
)
SELECT
    l.run_id, l.parent_run_id, l.root_run_id, l.depth, l.runs_below, l.agent_name, l.status,
    moment(l.started_ns) AS started_at,
    milliseconds(l.ended_ns - l.started_ns) AS duration_ms,
    coalesce(own.calls, 0) AS own_calls,
    own.input_tokens AS own_input_tokens,
    own.output_tokens AS own_output_tokens,
    usd(own.cost_picousd) AS own_cost_usd,
    coalesce(own.unpriced_calls, 0) AS own_unpriced_calls,
    l.calls AS total_calls,
    l.input_tokens AS total_input_tokens,
    l.output_tokens AS total_output_tokens,
    usd(l.cost_picousd) AS total_cost_usd,
    l.unpriced_calls AS total_unpriced_calls
FROM listed AS l LEFT JOIN own ON own.run_id = l.run_id
WHERE $limit::BIGINT IS NULL OR tree_number <= $limit::BIGINT
ORDER BY tree_number, path
