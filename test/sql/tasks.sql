-- Submitting, finding again, cancelling, trying again. Nothing here is due, so
-- that no worker changes what is shown; warnings about the worker are left out.
SET client_min_messages = error;
CREATE ROLE regress_tasks_one;
CREATE ROLE regress_tasks_two;
GRANT capeai_user TO regress_tasks_one, regress_tasks_two;
CREATE TEMP TABLE made (name text PRIMARY KEY, id uuid);
GRANT ALL ON made TO PUBLIC;
SET ROLE regress_tasks_one;

-- one task, with everything
INSERT INTO made SELECT 'full', capeai_submit_task('cape-ai-guide', '{"query": "How do I export a report?"}',
  title => 'A title', description => 'Why', priority => 7, run_at => '2100-01-01 00:00+00', max_attempts => 5,
  timeout => '10 minutes', idempotency_key => 'k1', user_id => 'u1', stream => true, model => 'my-model');
SELECT t.kind, t.title, t.description, t.owner, t.user_id, t.status, t.priority, t.deadline - t.run_at AS allowed,
       t.attempt, t.failures, t.max_attempts, t.timeout, t.input_data, t.model, t.options, t.stream,
       t.idempotency_key, a.slug, v.version
FROM capeai.tasks t JOIN made ON made.id = t.id
JOIN capeai.agents a ON a.id = t.agent_id JOIN capeai.agent_versions v ON v.id = t.agent_version_id \gx
SELECT event_type, user_id, role, event_data - 'agent_version' AS data, application_name
FROM capeai.audit_events JOIN made ON made.id = task_id;

-- settings are resolved when a task is submitted
BEGIN;
SET LOCAL capeai.model = 'from-setting';
SET LOCAL capeai.temperature = '0.25';
SET LOCAL capeai.max_tokens = '99';
SET LOCAL capeai.user_id = 'from-setting';
INSERT INTO made SELECT 'settings', capeai_submit_task('chat', '{"query": "x"}', run_at => '2100-01-01 00:00+00');
COMMIT;
SELECT t.model, t.options, t.user_id, t.max_attempts, t.timeout, t.deadline
FROM capeai.tasks t JOIN made ON made.id = t.id WHERE name = 'settings';

-- the same version by name
SELECT capeai_submit_task('chat@1.0.0', '{"query": "x"}', run_at => '2100-01-01 00:00+00') IS NOT NULL AS submitted;

-- an idempotency key gives the same task again
SELECT capeai_submit_task('cape-ai-guide', '{"query": "How do I export a report?"}', idempotency_key => 'k1',
  user_id => 'u1', stream => true) = (SELECT id FROM made WHERE name = 'full') AS same;
SELECT capeai_submit_task('cape-ai-guide', '{"query": "Something else"}', idempotency_key => 'k1',
  user_id => 'u1', stream => true);
SELECT capeai_submit_task('cape-ai-guide', '{"query": "How do I export a report?"}', idempotency_key => 'k1',
  user_id => 'u2', stream => true);
-- another agent, and another owner, have keys of their own
SELECT capeai_submit_task('chat', '{"query": "x"}', idempotency_key => 'k1', run_at => '2100-01-01 00:00+00') IS NOT NULL;
RESET ROLE;
SET ROLE regress_tasks_two;
SELECT capeai_submit_task('cape-ai-guide', '{"query": "x"}', idempotency_key => 'k1', run_at => '2100-01-01 00:00+00')
  IS NOT NULL;
RESET ROLE;
SET ROLE regress_tasks_one;

-- many at once, in order; known keys and repeated ones give the same task
CREATE TEMP TABLE many AS
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '{"query": "b"}', '{"query": "a"}']::jsonb[],
  run_at => '2100-01-01 00:00+00', idempotency_keys => ARRAY['m1', NULL, 'm1'], title => 'many');
SELECT m.ordinal, t.input_data, t.title, m.task_id = first.task_id AS as_first
FROM many m JOIN many first ON first.ordinal = 1 LEFT JOIN capeai.tasks t ON t.id = m.task_id ORDER BY m.ordinal;
SELECT again.ordinal, again.task_id = m.task_id AS same
FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '{"query": "c"}']::jsonb[], run_at => '2100-01-01 00:00+00',
       idempotency_keys => ARRAY['m1', 'm3']) again LEFT JOIN many m ON m.ordinal = again.ordinal;
SELECT * FROM capeai_submit_tasks('chat', '{}');
-- ids ascend in the order of the inputs: it is the order in which tasks of equal priority run
SELECT count(*), count(DISTINCT task_id), min(ordinal), max(ordinal),
       array_agg(task_id ORDER BY task_id) = array_agg(task_id ORDER BY ordinal) AS ascending
FROM capeai_submit_tasks('chat', ARRAY(SELECT jsonb_build_object('query', i::text) FROM generate_series(1, 5000) i),
  run_at => '2100-01-01 00:00+00', title => 'bulk');
SELECT count(*) AS tasks, count(e.id) AS audited FROM capeai.tasks t
LEFT JOIN capeai.audit_events e ON e.task_id = t.id AND e.event_type = 'submitted' WHERE t.title = 'bulk';
-- one bad input: nothing is written
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '{"query": ""}']::jsonb[], title => 'none');
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', NULL]::jsonb[], title => 'none');
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}', '[]']::jsonb[], title => 'none');
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "a"}']::jsonb[], idempotency_keys => '{a,b}');
SELECT * FROM capeai_submit_tasks('chat', ARRAY['{"query": "z"}', '{"query": "b"}']::jsonb[],
  idempotency_keys => '{m1,new}', title => 'none');
SELECT count(*) FROM capeai.tasks WHERE title = 'none';

-- dependencies
INSERT INTO made SELECT 'child', capeai_submit_task('chat', '{"query": "x"}', run_at => '2100-01-01 00:00+00',
  depends_on => ARRAY[id, id]) FROM made WHERE name = 'full';
SELECT t.status, p.name AS depends_on FROM made c JOIN capeai.tasks t ON t.id = c.id
JOIN capeai.task_dependencies d ON d.task_id = t.id JOIN made p ON p.id = d.depends_on WHERE c.name = 'child';

-- cancelling what waits
SELECT name, capeai_cancel_task(id) FROM made ORDER BY name;
SELECT name, capeai_cancel_task(id) FROM made ORDER BY name;
SELECT m.name, t.status, t.completed_at IS NOT NULL AS ended FROM made m JOIN capeai.tasks t ON t.id = m.id ORDER BY name;
SELECT m.name, e.event_type FROM made m JOIN capeai.audit_events e ON e.task_id = m.id ORDER BY m.name, e.id;

-- trying again
INSERT INTO made SELECT 'retry', capeai_retry_task(id) FROM made WHERE name = 'settings';
SELECT t.owner, t.user_id, t.input_data, t.model, t.options, t.idempotency_key, p.name AS parent
FROM capeai.tasks t JOIN made m ON m.id = t.id JOIN made p ON p.id = t.parent_task_id WHERE m.name = 'retry';

-- conversations belong to who used their id first
SELECT capeai_submit_task('cape-ai-guide', '{"query": "x", "conversation": "7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001"}',
  run_at => '2100-01-01 00:00+00') IS NOT NULL;
SELECT conversation, owner FROM capeai.tasks WHERE conversation IS NOT NULL;
SELECT id, owner, user_id FROM capeai.conversations;
RESET ROLE;
SET ROLE regress_tasks_two;
SELECT capeai_submit_task('cape-ai-guide', '{"query": "x", "conversation": "7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001"}');
RESET ROLE;

-- channels
SELECT capeai_channel('7b0c9a52-97a4-4a7e-8d10-7ed1c9c3a001');
SET ROLE regress_tasks_one;
SELECT capeai_user_channel() ~ '^capeai_user_[0-9a-f]{32}$' AS named, capeai_user_channel() AS one \gset
\echo :named
RESET ROLE;
SET ROLE regress_tasks_two;
SELECT capeai_user_channel() <> :'one' AS differs;
RESET ROLE;

-- tasks of another installation wait until they are adopted
UPDATE capeai.tasks SET installation = gen_random_uuid() WHERE title = 'bulk';
SELECT capeai_adopt_tasks();
SELECT count(*) FROM capeai.tasks t JOIN capeai.installation i ON i.id = t.installation WHERE title = 'bulk';
SELECT capeai_adopt_tasks();

-- the moves of a task, whoever tries
BEGIN;
UPDATE capeai.tasks SET status = 'running' WHERE title = 'many';
UPDATE capeai.tasks SET status = 'succeeded' WHERE title = 'many';
UPDATE capeai.tasks SET status = 'queued' WHERE title = 'many';
ROLLBACK;
UPDATE capeai.tasks SET status = 'succeeded' WHERE title = 'many';
UPDATE capeai.tasks SET status = 'unheard of' WHERE title = 'many';

DELETE FROM capeai.tasks;
DELETE FROM capeai.conversations;
DELETE FROM capeai.task_signals;
DROP TABLE made, many;
DROP ROLE regress_tasks_one, regress_tasks_two;
