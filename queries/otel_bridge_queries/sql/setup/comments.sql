-- What the views of `views.sql` are, and what those of their columns mean that are more
-- than a column of the schema handed on; of the others, the schema's own comments tell.

COMMENT ON VIEW runs IS
'One row for each run: an agent at work on one request, sub-agents in rows of their own. Calls, tokens and cost are those of the run itself, without the runs below it.';
COMMENT ON COLUMN runs.depth IS 'how many runs are above it; 0 is the outermost';
COMMENT ON COLUMN runs.status IS
'running, paused, success, error, cancelled, or interrupted where its process died';
COMMENT ON COLUMN runs.started_at IS 'when it started';
COMMENT ON COLUMN runs.ended_at IS
'when it ended; of an interrupted run its last sign of life; NULL while it goes on';
COMMENT ON COLUMN runs.updated_at IS 'the latest time seen in it';
COMMENT ON COLUMN runs.last_seen_at IS
'when it or its writer was last heard of; NULL once it has ended by itself';
COMMENT ON COLUMN runs.duration_ms IS 'from its start to its end; NULL while it goes on';
COMMENT ON COLUMN runs.input IS 'the text it was asked with';
COMMENT ON COLUMN runs.response IS 'the text it answered with';
COMMENT ON COLUMN runs.cost_usd IS
'USD, of its calls that have a price; NULL where none has';

COMMENT ON VIEW steps IS
'One row for each step of a run''s conversation: what was asked, answered, and given back by tools. `ORDER BY created_at, ordinal, step_id` is the order of the conversation.';
COMMENT ON COLUMN steps.content IS 'the text of what was said';
COMMENT ON COLUMN steps.condensed_content IS
'the shorter text that the model sees in its place; NULL where it sees the whole';
COMMENT ON COLUMN steps.created_at IS 'when it was said';

COMMENT ON VIEW llm_calls IS
'One row for each call to a model, whatever number of spans showed it.';
COMMENT ON COLUMN llm_calls.model IS 'the model that answered, else the one asked for';
COMMENT ON COLUMN llm_calls.status IS
'ok, error, running, or interrupted where its run was while it ran';
COMMENT ON COLUMN llm_calls.started_at IS 'when it was sent';
COMMENT ON COLUMN llm_calls.ended_at IS 'when it was answered; NULL while it runs';
COMMENT ON COLUMN llm_calls.duration_ms IS 'from start to end; NULL while it runs';
COMMENT ON COLUMN llm_calls.time_to_first_chunk_ms IS
'from start to the first piece of a streamed answer; NULL where not told';
COMMENT ON COLUMN llm_calls.cost_usd IS 'USD by the prices of its time; NULL is unpriced';
COMMENT ON COLUMN llm_calls.emitted_cost_usd IS
'USD that the telemetry itself claimed; NULL where it claimed nothing';

COMMENT ON VIEW tool_calls IS
'One row for each call of a tool, whatever number of spans showed it.';
COMMENT ON COLUMN tool_calls.status IS
'ok, error, running, or interrupted where its run was while it ran';
COMMENT ON COLUMN tool_calls.started_at IS 'when the tool began';
COMMENT ON COLUMN tool_calls.ended_at IS 'when it was done; NULL while it runs';
COMMENT ON COLUMN tool_calls.duration_ms IS 'from start to end; NULL while it runs';
COMMENT ON COLUMN tool_calls.arguments IS 'what it was called with, mostly JSON';
COMMENT ON COLUMN tool_calls.result IS 'the text of what it gave back';

COMMENT ON VIEW sessions IS
'One row for each session: runs that belong together, such as a chat. Its figures are sums over its runs, sub-agents included.';
COMMENT ON COLUMN sessions.llm_calls IS 'calls to models';
COMMENT ON COLUMN sessions.failed_llm_calls IS 'those of them that failed';
COMMENT ON COLUMN sessions.tool_calls IS 'calls of tools';
COMMENT ON COLUMN sessions.failed_tool_calls IS 'those of them that failed';
COMMENT ON COLUMN sessions.input_tokens IS 'cache included; NULL where no call told';
COMMENT ON COLUMN sessions.output_tokens IS 'reasoning included; NULL where no call told';
COMMENT ON COLUMN sessions.cache_read_tokens IS
'part of the input that a cache gave; NULL where no call told';
COMMENT ON COLUMN sessions.cache_write_tokens IS
'part of the input that was put into a cache; NULL where no call told';
COMMENT ON COLUMN sessions.reasoning_tokens IS
'part of the output that was not shown; NULL where no call told';
COMMENT ON COLUMN sessions.cost_usd IS
'USD, of the calls that have a price; NULL where none has';
COMMENT ON COLUMN sessions.unpriced_calls IS 'calls that are not in the cost';
COMMENT ON COLUMN sessions.started_at IS 'when its first run started';
COMMENT ON COLUMN sessions.updated_at IS 'the latest time seen in it';

COMMENT ON VIEW spans IS
'One row for each span as it was recorded, copies included.';
COMMENT ON COLUMN spans.started_at IS 'when it started';
COMMENT ON COLUMN spans.ended_at IS 'when it ended; NULL while it is open';
COMMENT ON COLUMN spans.duration_ms IS 'from start to end; NULL while it is open';
COMMENT ON COLUMN spans.attributes IS
'map of its attributes; a long text is a reference, {"$text": id}, to messages.id';

COMMENT ON VIEW events IS
'One row for each entry of the run log: what happened in a run besides and around calls.';
COMMENT ON COLUMN events.sequence_index IS 'order of commit, over the whole database';
COMMENT ON COLUMN events.created_at IS 'when it happened';

COMMENT ON VIEW messages IS
'One row for each message or other long text; one that repeats another of late is that one.';
COMMENT ON COLUMN messages.text IS 'what its text parts say; of what is no message, the body';
