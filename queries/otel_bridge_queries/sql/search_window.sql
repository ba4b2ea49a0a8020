-- Tells the time of one of the newest steps.
--
--   $steps     how many steps are newer
SELECT time_ns FROM loaded.steps ORDER BY time_ns DESC LIMIT 1 OFFSET $steps
