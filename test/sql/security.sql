-- Row security: one's own and nothing else, by oid; user_id where it is required.
SET client_min_messages = error;
\set VERBOSITY sqlstate
CREATE ROLE regress_security_a;
CREATE ROLE regress_security_b;
CREATE ROLE regress_security_member;
CREATE ROLE regress_security_admin;
CREATE ROLE regress_security_auditor;
CREATE ROLE regress_security_nobody;
GRANT capeai_user TO regress_security_a, regress_security_b, regress_security_member;
GRANT regress_security_a TO regress_security_member;
GRANT capeai_admin TO regress_security_admin;
GRANT capeai_auditor TO regress_security_auditor;
CREATE TABLE task_ids (name text, id uuid);
GRANT ALL ON task_ids TO PUBLIC;

SET ROLE regress_security_a;
INSERT INTO task_ids SELECT 'a', capeai_submit_task('chat', '{"query": "of a"}', run_at => '2100-01-01 00:00+00', user_id => 'u1');
INSERT INTO task_ids SELECT 'a2', capeai_submit_task('chat', '{"query": "of a"}', run_at => '2100-01-01 00:00+00', user_id => 'u2',
  depends_on => ARRAY(SELECT id FROM task_ids));
RESET ROLE;
SET ROLE regress_security_b;
INSERT INTO task_ids SELECT 'b', capeai_submit_task('chat', '{"query": "of b"}', run_at => '2100-01-01 00:00+00');

-- each sees its own
SELECT name FROM task_ids JOIN capeai.tasks USING (id) ORDER BY name;
SELECT name, event_type FROM task_ids JOIN capeai.audit_events ON task_id = task_ids.id ORDER BY name;
SELECT count(*) FROM capeai.task_dependencies;
SELECT agent, status, tasks FROM capeai.stat_tasks;
-- and touches nothing else, nor its own but through functions
SELECT capeai_cancel_task(id) FROM task_ids WHERE name = 'a';
SELECT capeai_retry_task(id) FROM task_ids WHERE name = 'a';
SELECT capeai_submit_task('chat', '{"query": "x"}', depends_on => ARRAY[id]) FROM task_ids WHERE name = 'a';
UPDATE capeai.tasks SET priority = 1;
DELETE FROM capeai.tasks;
INSERT INTO capeai.task_signals VALUES (gen_random_uuid(), 'cancel', 'regress_security_b');
SELECT * FROM capeai.installation;
SELECT capeai_adopt_tasks();
INSERT INTO capeai.prices (model, input, output) VALUES ('m', 0, 0);
SET capeai.require_user_id = on;
RESET ROLE;

-- a member of the owner is not the owner
SET ROLE regress_security_member;
SELECT count(*) FROM capeai.tasks;
SELECT capeai_cancel_task(id) FROM task_ids WHERE name = 'a';
RESET ROLE;
-- who has no role of capeai has nothing
SET ROLE regress_security_nobody;
SELECT count(*) FROM capeai.tasks;
SELECT capeai_submit_task('chat', '{"query": "x"}');
RESET ROLE;
SET ROLE regress_security_auditor;
SELECT name, event_type FROM task_ids JOIN capeai.audit_events ON task_id = task_ids.id ORDER BY name;
SELECT count(*) FROM capeai.tasks;
RESET ROLE;

-- inside a SECURITY DEFINER function the definer is the owner
CREATE FUNCTION definers_submit() RETURNS uuid LANGUAGE sql SECURITY DEFINER
  RETURN capeai_submit_task('chat', '{"query": "x"}', run_at => '2100-01-01 00:00+00');
CREATE FUNCTION pg_temp.owner_of(uuid) RETURNS regrole LANGUAGE sql AS 'SELECT owner FROM capeai.tasks WHERE id = $1';
ALTER FUNCTION definers_submit() OWNER TO regress_security_a;
SET ROLE regress_security_b;
INSERT INTO task_ids SELECT 'definer', definers_submit();
RESET ROLE;
SELECT pg_temp.owner_of(id) FROM task_ids WHERE name = 'definer';

-- a new role of an old name is another
ALTER ROLE regress_security_b RENAME TO regress_security_old;
CREATE ROLE regress_security_b;
GRANT capeai_user TO regress_security_b;
SET ROLE regress_security_b;
SELECT count(*) FROM capeai.tasks;
RESET ROLE;
SET ROLE regress_security_old;
SELECT name FROM task_ids JOIN capeai.tasks USING (id) ORDER BY name;
RESET ROLE;

-- applications with one role keep their users apart by user_id
SET capeai.require_user_id = on;
SET ROLE regress_security_a;
SELECT capeai_submit_task('chat', '{"query": "x"}');
SELECT count(*) FROM capeai.tasks;
SET capeai.user_id = 'u1';
SELECT name, user_id FROM task_ids JOIN capeai.tasks USING (id) ORDER BY name;
SELECT capeai_submit_task('chat', '{"query": "x"}', user_id => 'u2');
SELECT capeai_cancel_task(id) FROM task_ids WHERE name = 'a2';
SELECT capeai_cancel_task(id) FROM task_ids WHERE name = 'a';
RESET ROLE;
RESET capeai.user_id;
RESET capeai.require_user_id;

-- an administrator sees and ends all
SET ROLE regress_security_admin;
SELECT name, CASE WHEN name <> 'a2' THEN status END AS status  -- a2 depends on a: the worker may have ended it
FROM task_ids JOIN capeai.tasks USING (id) ORDER BY name;
SELECT capeai_cancel_task(id) FROM task_ids WHERE name = 'b';
UPDATE capeai.tasks SET priority = 1;
DELETE FROM capeai.audit_events;
RESET ROLE;
SELECT event_type, role FROM capeai.audit_events JOIN task_ids ON task_ids.id = task_id WHERE name = 'b' ORDER BY audit_events.id;

DELETE FROM capeai.tasks;
DELETE FROM capeai.task_signals;
DROP FUNCTION definers_submit();
DROP TABLE task_ids;
DROP ROLE regress_security_a, regress_security_b, regress_security_old, regress_security_member,
          regress_security_admin, regress_security_auditor, regress_security_nobody;
