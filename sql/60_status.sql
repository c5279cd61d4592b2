-- What runs, and how the parts are.

CREATE FUNCTION @extschema@.capeai_health(OUT component text, OUT status text, OUT detail jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 6 AS 'MODULE_PATHNAME', 'capeai_health';
COMMENT ON FUNCTION @extschema@.capeai_health()
  IS 'What is in order and what is not, one row for each part; a detail called hint says what to do';
REVOKE ALL ON FUNCTION @extschema@.capeai_health() FROM PUBLIC;

CREATE FUNCTION capeai.worker_slots(
  OUT slot integer, OUT database_oid oid, OUT pid integer, OUT state text, OUT started_at timestamptz,
  OUT heartbeat_age interval, OUT in_flight bigint, OUT max_in_flight bigint, OUT asks bigint, OUT claimed bigint,
  OUT succeeded bigint, OUT failed bigint, OUT cancelled bigint, OUT retried bigint, OUT stale_completions bigint,
  OUT requests bigint, OUT transactions bigint, OUT notifications_skipped bigint, OUT lock_waits bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 4 AS 'MODULE_PATHNAME', 'capeai_worker_slots';
COMMENT ON FUNCTION capeai.worker_slots() IS 'Behind the view capeai.stat_worker';
REVOKE ALL ON FUNCTION capeai.worker_slots() FROM PUBLIC;

CREATE VIEW capeai.stat_worker WITH (security_invoker = true) AS
SELECT d.datname AS database, s.pid, s.state, s.started_at, s.heartbeat_age, s.in_flight, s.max_in_flight, s.asks,
       s.claimed, s.succeeded, s.failed, s.cancelled, s.retried, s.stale_completions, s.requests, s.transactions,
       s.notifications_skipped, s.lock_waits
FROM capeai.worker_slots() AS s
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.database_oid;
COMMENT ON VIEW capeai.stat_worker IS 'The workers of the cluster: one row for each database that is served now';
COMMENT ON COLUMN capeai.stat_worker.asks IS 'Backends'' requests under way';
COMMENT ON COLUMN capeai.stat_worker.stale_completions IS 'Results dropped because the attempt was no longer the worker''s';
COMMENT ON COLUMN capeai.stat_worker.lock_waits IS 'Writes put off because a lock was not free';

CREATE FUNCTION capeai.llm_counters(
  OUT provider text, OUT model text, OUT succeeded bigint, OUT rate_limited bigint, OUT refused bigint,
  OUT server_errors bigint, OUT timeouts bigint, OUT not_reached bigint, OUT malformed bigint, OUT blocked bigint,
  OUT cancelled bigint, OUT connections_opened bigint, OUT connections_reused bigint, OUT http2_requests bigint,
  OUT bytes_sent bigint, OUT bytes_received bigint, OUT prompt_tokens bigint, OUT completion_tokens bigint,
  OUT p50_ms bigint, OUT p95_ms bigint, OUT p99_ms bigint, OUT latency_histogram bigint[])
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 4 AS 'MODULE_PATHNAME', 'capeai_llm_counters';
COMMENT ON FUNCTION capeai.llm_counters() IS 'Behind the view capeai.stat_llm';
REVOKE ALL ON FUNCTION capeai.llm_counters() FROM PUBLIC;

CREATE VIEW capeai.stat_llm WITH (security_invoker = true) AS
SELECT c.provider, c.model,
       c.succeeded + c.rate_limited + c.refused + c.server_errors + c.timeouts + c.not_reached + c.malformed + c.blocked +
         c.cancelled AS requests,
       c.succeeded, c.rate_limited, c.refused, c.server_errors, c.timeouts, c.not_reached, c.malformed, c.blocked,
       c.cancelled, c.connections_opened, c.connections_reused, c.http2_requests, c.bytes_sent, c.bytes_received,
       c.prompt_tokens, c.completion_tokens, c.p50_ms, c.p95_ms, c.p99_ms, c.latency_histogram
FROM capeai.llm_counters() AS c;
COMMENT ON VIEW capeai.stat_llm
  IS 'Requests to models since the server started, of all databases: one row for each provider, key and model';
COMMENT ON COLUMN capeai.stat_llm.requests IS 'That have ended, however; retries count';
COMMENT ON COLUMN capeai.stat_llm.refused IS 'Answered with a status below 500 other than 429';
COMMENT ON COLUMN capeai.stat_llm.timeouts IS 'Not answered within capeai.request_timeout or the task''s own timeout';
COMMENT ON COLUMN capeai.stat_llm.not_reached IS 'No connection, or it ended before the answer did';
COMMENT ON COLUMN capeai.stat_llm.blocked IS 'Not sent: the address is not allowed (capeai.allowed_hosts)';
COMMENT ON COLUMN capeai.stat_llm.connections_opened IS 'Requests for which a connection was opened';
COMMENT ON COLUMN capeai.stat_llm.connections_reused IS 'Requests on a connection that was open already';
COMMENT ON COLUMN capeai.stat_llm.p50_ms
  IS 'Half of the answers took at most so long: the upper bound of a bucket of latency_histogram';
COMMENT ON COLUMN capeai.stat_llm.latency_histogram
  IS 'Answers that took at most 1, 2, 4, 8, ... milliseconds (and more than the bound before); the last: all others';

CREATE FUNCTION capeai.running_tasks(
  OUT task_id uuid, OUT owner oid, OUT attempt integer, OUT step_number integer, OUT step_name text,
  OUT progress integer, OUT started_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100 AS 'MODULE_PATHNAME', 'capeai_running_tasks';
COMMENT ON FUNCTION capeai.running_tasks() IS 'Behind the view capeai.active_tasks: the caller''s own, for administrators all';
REVOKE ALL ON FUNCTION capeai.running_tasks() FROM PUBLIC;

CREATE VIEW capeai.active_tasks WITH (security_invoker = true) AS
SELECT r.task_id, r.owner::regrole AS owner, r.attempt, r.step_number, r.step_name, r.progress, r.started_at,
       clock_timestamp() - r.started_at AS running_for
FROM capeai.running_tasks() AS r;
COMMENT ON VIEW capeai.active_tasks IS 'What runs now in this database, with its step and progress, from shared memory';
COMMENT ON COLUMN capeai.active_tasks.progress IS '0 to 100';

GRANT EXECUTE ON FUNCTION @extschema@.capeai_health(), capeai.worker_slots(), capeai.llm_counters()
  TO capeai_user, capeai_admin, capeai_auditor;
GRANT EXECUTE ON FUNCTION capeai.running_tasks() TO capeai_user, capeai_admin;
GRANT SELECT ON capeai.stat_worker, capeai.stat_llm TO capeai_user, capeai_admin, capeai_auditor;
GRANT SELECT ON capeai.active_tasks TO capeai_user, capeai_admin;
