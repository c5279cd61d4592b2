-- The audit trail: append-only, sealed by the worker (worker/audit_sealer.hpp), and checked.

CREATE FUNCTION capeai.guard_audit() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'capeai_guard_audit';
COMMENT ON FUNCTION capeai.guard_audit() IS 'Lets nobody but retention change or delete what is on record';
REVOKE ALL ON FUNCTION capeai.guard_audit() FROM PUBLIC;

CREATE TRIGGER guard_audit BEFORE UPDATE OR DELETE OR TRUNCATE ON capeai.audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION capeai.guard_audit();
COMMENT ON TRIGGER guard_audit ON capeai.audit_events IS 'Append-only';
ALTER TABLE capeai.audit_events ENABLE ALWAYS TRIGGER guard_audit;
CREATE TRIGGER guard_audit BEFORE UPDATE OR DELETE OR TRUNCATE ON capeai.audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION capeai.guard_audit();
COMMENT ON TRIGGER guard_audit ON capeai.audit_seals IS 'Append-only';
ALTER TABLE capeai.audit_seals ENABLE ALWAYS TRIGGER guard_audit;

CREATE FUNCTION @extschema@.capeai_audit_verify(OUT seal bigint, OUT event_id bigint, OUT problem text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 1 AS 'MODULE_PATHNAME', 'capeai_audit_verify';
COMMENT ON FUNCTION @extschema@.capeai_audit_verify()
  IS 'What is broken in the audit trail: events changed, deleted or slipped in, links of the chain missing or forged. No row: nothing';
REVOKE ALL ON FUNCTION @extschema@.capeai_audit_verify() FROM PUBLIC;

CREATE VIEW capeai.model_calls WITH (security_invoker = true) AS
SELECT e.created_at, e.task_id, e.role, e.user_id, e.agent_id, (e.event_data ->> 'attempt')::integer AS attempt,
       c.call ->> 'model' AS model, (c.call ->> 'status')::integer AS status, c.call ->> 'error' AS error,
       (c.call ->> 'prompt_tokens')::bigint AS prompt_tokens,
       (c.call ->> 'completion_tokens')::bigint AS completion_tokens, c.call ->> 'usage' AS usage,
       (c.call ->> 'latency_ms')::bigint AS latency_ms
FROM capeai.audit_events AS e, jsonb_array_elements(e.event_data -> 'calls') AS c (call);
COMMENT ON VIEW capeai.model_calls IS 'Every request to a model, out of the audit trail: with the attempt''s end, whatever that was';
COMMENT ON COLUMN capeai.model_calls.created_at IS 'When the attempt that made the call ended';
COMMENT ON COLUMN capeai.model_calls.status IS 'Of HTTP; NULL: no response came, or the request was dropped';
COMMENT ON COLUMN capeai.model_calls.usage IS 'Whether the tokens are as the server reported, or estimated';
