-- Submitting tasks, and what their owners do with them.

CREATE FUNCTION capeai.check_task_move() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'capeai_check_task_move';
COMMENT ON FUNCTION capeai.check_task_move() IS 'Refuses moves that a task cannot make (src/policy/task_state.hpp)';
REVOKE ALL ON FUNCTION capeai.check_task_move() FROM PUBLIC;

CREATE TRIGGER check_task_move BEFORE UPDATE OF status ON capeai.tasks
  FOR EACH ROW EXECUTE FUNCTION capeai.check_task_move();
COMMENT ON TRIGGER check_task_move ON capeai.tasks IS 'Terminal is terminal';

CREATE FUNCTION @extschema@.capeai_submit_task(
  agent text, input jsonb, title text DEFAULT NULL, description text DEFAULT NULL, priority integer DEFAULT 0,
  run_at timestamptz DEFAULT now(), max_attempts integer DEFAULT NULL, timeout interval DEFAULT NULL,
  idempotency_key text DEFAULT NULL, user_id text DEFAULT NULL, stream boolean DEFAULT false,
  depends_on uuid[] DEFAULT '{}', model text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_submit_task';
COMMENT ON FUNCTION @extschema@.capeai_submit_task(text, jsonb, text, text, integer, timestamptz, integer, interval, text, text,
                                       boolean, uuid[], text)
  IS 'Queues a task for an agent (slug, or slug@version) and returns its id; it runs once this transaction has committed';
REVOKE ALL ON FUNCTION @extschema@.capeai_submit_task(text, jsonb, text, text, integer, timestamptz, integer, interval, text, text,
                                          boolean, uuid[], text) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_submit_tasks(
  agent text, inputs jsonb[], title text DEFAULT NULL, description text DEFAULT NULL, priority integer DEFAULT 0,
  run_at timestamptz DEFAULT now(), max_attempts integer DEFAULT NULL, timeout interval DEFAULT NULL,
  idempotency_keys text[] DEFAULT NULL, user_id text DEFAULT NULL, stream boolean DEFAULT false,
  depends_on uuid[] DEFAULT '{}', model text DEFAULT NULL, OUT ordinal integer, OUT task_id uuid) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1000 AS 'MODULE_PATHNAME', 'capeai_submit_tasks';
COMMENT ON FUNCTION @extschema@.capeai_submit_tasks(text, jsonb[], text, text, integer, timestamptz, integer, interval, text[],
                                        text, boolean, uuid[], text)
  IS 'Queues one task for each input, all or none; idempotency_keys, if given, are as many as inputs';
REVOKE ALL ON FUNCTION @extschema@.capeai_submit_tasks(text, jsonb[], text, text, integer, timestamptz, integer, interval, text[],
                                           text, boolean, uuid[], text) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_cancel_task(task_id uuid) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_cancel_task';
COMMENT ON FUNCTION @extschema@.capeai_cancel_task(uuid)
  IS 'Ends a task once this transaction has committed: what waits at once, what runs as soon as the worker hears of it. False if it had ended';
REVOKE ALL ON FUNCTION @extschema@.capeai_cancel_task(uuid) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_retry_task(task_id uuid) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_retry_task';
COMMENT ON FUNCTION @extschema@.capeai_retry_task(uuid)
  IS 'Submits an ended task again, as a new task of the same owner with parent_task_id set; returns its id';
REVOKE ALL ON FUNCTION @extschema@.capeai_retry_task(uuid) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_channel(task_id uuid) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'capeai_channel';
COMMENT ON FUNCTION @extschema@.capeai_channel(uuid) IS 'The channel to LISTEN on for a task';
REVOKE ALL ON FUNCTION @extschema@.capeai_channel(uuid) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_user_channel() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_user_channel';
COMMENT ON FUNCTION @extschema@.capeai_user_channel()
  IS 'The channel to LISTEN on for the beginnings and ends of all tasks of the current role';
REVOKE ALL ON FUNCTION @extschema@.capeai_user_channel() FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_adopt_tasks() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_adopt_tasks';
COMMENT ON FUNCTION @extschema@.capeai_adopt_tasks()
  IS 'Lets the unfinished tasks that came with a copy of another database run in this one; returns how many';
REVOKE ALL ON FUNCTION @extschema@.capeai_adopt_tasks() FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_library_version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'capeai_library_version';
COMMENT ON FUNCTION @extschema@.capeai_library_version()
  IS 'The version of the loaded library; that of the SQL objects is in pg_extension';
REVOKE ALL ON FUNCTION @extschema@.capeai_library_version() FROM PUBLIC;

-- Names this database. A restored or copied one gets a new name when it is used.
INSERT INTO capeai.installation (id, system_identifier, database_oid, secret)
SELECT pg_catalog.gen_random_uuid(), c.system_identifier, d.oid,
       pg_catalog.sha256(pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
                         OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid()))
FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
