-- Bad input: one clear error each, and nothing written.
SET client_min_messages = error;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                          hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(E'\n  ', state || ': ' || left(message, 200), nullif(left(detail, 200), ''), nullif(hint, ''));
END
$$;
\pset format unaligned
\pset tuples_only on

SELECT args || E'\n  ' || pg_temp.try('SELECT capeai_submit_task(' || args || ')')
FROM (VALUES
  (1, $$NULL, '{"query": "x"}'$$),
  (2, $$'', '{"query": "x"}'$$),
  (3, $$'no-such-agent', '{"query": "x"}'$$),
  (4, $$'chat@9.9.9', '{"query": "x"}'$$),
  (5, $$'chat@', '{"query": "x"}'$$),
  (6, $$'chat', NULL$$),
  (7, $$'chat', '[]'$$),
  (8, $$'chat', '"text"'$$),
  (9, $$'chat', '{}'$$),
  (10, $$'cape-ai-guide', '{"query": ""}'$$),
  (11, $$'cape-ai-guide', jsonb_build_object('query', repeat('x', 1001))$$),
  (12, $$'cape-ai-guide', '{"query": 7}'$$),
  (13, $$'cape-ai-guide', '{"query": "x", "user_level": "wizard"}'$$),
  (14, $$'cape-ai-guide', '{"query": "x", "preferred_format": "song"}'$$),
  (15, $$'cape-ai-guide', '{"query": "x", "context": []}'$$),
  (16, $$'cape-ai-guide', '{"query": "x", "conversation": "not a uuid"}'$$),
  (17, $$'chat', '{"query": "x"}', run_at => 'infinity'$$),
  (18, $$'chat', '{"query": "x"}', run_at => '-infinity'$$),
  (19, $$'chat', '{"query": "x"}', run_at => '290000-01-01'$$),
  (20, $$'chat', '{"query": "x"}', priority => 40000$$),
  (21, $$'chat', '{"query": "x"}', priority => -2147483648$$),
  (22, $$'chat', '{"query": "x"}', max_attempts => 0$$),
  (23, $$'chat', '{"query": "x"}', timeout => '0'$$),
  (24, $$'chat', '{"query": "x"}', timeout => '-1 s'$$),
  (25, $$'chat', '{"query": "x"}', timeout => '170000000 years'$$),
  (26, $$'chat', '{"query": "x"}', idempotency_key => ''$$),
  (27, $$'chat', '{"query": "x"}', idempotency_key => repeat('k', 256)$$),
  (28, $$'chat', '{"query": "x"}', title => repeat('t', 501)$$),
  (29, $$'chat', '{"query": "x"}', title => repeat('t', 100000000)$$),
  (30, $$'chat', '{"query": "x"}', user_id => repeat('u', 256)$$),
  (31, $$'chat', '{"query": "x"}', model => ''$$),
  (32, $$'chat', '{"query": "x"}', model => E'a\nb'$$),
  (33, $$'chat', '{"query": "x"}', depends_on => ARRAY[NULL]::uuid[]$$),
  (34, $$'chat', '{"query": "x"}', depends_on => '{{7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001}}'$$),
  (35, $$'chat', '{"query": "x"}', depends_on => '{7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001,7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a002}'$$ || '::uuid[]'),
  (36, $$'chat', jsonb_build_object('query', repeat('x', 17 * 1024 * 1024))$$),
  (37, $$'chat', '{"query": 1e400}'$$)) AS v (n, args) ORDER BY n;

SELECT 'nested 10,000 deep: ' ||
  pg_temp.try($$SELECT capeai_submit_task('chat', (repeat('{"a":', 9999) || '{}' || repeat('}', 9999))::jsonb)$$);

SELECT call || E'\n  ' || pg_temp.try('SELECT ' || call)
FROM (VALUES
  (1, $$capeai_submit_tasks('chat', NULL)$$),
  (2, $$capeai_submit_tasks('chat', '{{"{}"}}')$$),
  (3, $$capeai_cancel_task(NULL)$$),
  (4, $$capeai_cancel_task('7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001')$$),
  (5, $$capeai_retry_task('7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001')$$),
  (6, $$capeai_channel(NULL)$$),
  (7, $$capeai_create_agent(NULL)$$),
  (8, $$capeai_create_agent('[]')$$),
  (9, $$capeai_create_agent('{"slug": "cape-ai-guide"}')$$),
  (10, $$capeai_archive_agent('no-such-agent', '1.0.0')$$),
  (11, $$set_config('capeai.base_url', 'ftp://example.com', false)$$),
  (12, $$set_config('capeai.temperature', '3', false)$$),
  (13, $$set_config('capeai.max_tokens', '0', false)$$),
  (14, $$set_config('capeai.model', '', false)$$),
  (15, $$set_config('capeai.user_id', repeat('u', 256), false)$$),
  (16, $$set_config('capeai.no_such_setting', 'x', false)$$)) AS v (n, call) ORDER BY n;

-- in a transaction that may not write
BEGIN READ ONLY;
SELECT pg_temp.try($$SELECT capeai_submit_task('chat', '{"query": "x"}')$$);
ROLLBACK;
SELECT count(*) FROM capeai.tasks;
