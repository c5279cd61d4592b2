-- Adding agents, publishing their versions, and the catalogue.

CREATE FUNCTION @extschema@.capeai_create_agent(manifest jsonb) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_create_agent';
COMMENT ON FUNCTION @extschema@.capeai_create_agent(jsonb)
  IS 'Adds an agent, or a version to one, and returns the agent''s id. Published at once unless the manifest has "tests" or "status": "draft"';
REVOKE ALL ON FUNCTION @extschema@.capeai_create_agent(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_validate_agent(manifest jsonb, OUT pointer text, OUT problem text) RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'capeai_validate_agent';
COMMENT ON FUNCTION @extschema@.capeai_validate_agent(jsonb) IS 'Everything that is wrong with a manifest; no rows if it is valid';
REVOKE ALL ON FUNCTION @extschema@.capeai_validate_agent(jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_publish_agent(slug text, version text, force boolean DEFAULT false) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_publish_agent';
COMMENT ON FUNCTION @extschema@.capeai_publish_agent(text, text, boolean)
  IS 'Publishes a draft: the slug means it from now on. It must have passed its tests, unless an administrator forces it. False if it is published already';
REVOKE ALL ON FUNCTION @extschema@.capeai_publish_agent(text, text, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_rollback_agent(slug text) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_rollback_agent';
COMMENT ON FUNCTION @extschema@.capeai_rollback_agent(text)
  IS 'Lets the slug mean again what it meant before it meant the present version; returns that version';
REVOKE ALL ON FUNCTION @extschema@.capeai_rollback_agent(text) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_archive_agent(slug text, version text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_archive_agent';
COMMENT ON FUNCTION @extschema@.capeai_archive_agent(text, text)
  IS 'Withdraws a version: it cannot be called any more. False if it was withdrawn already';
REVOKE ALL ON FUNCTION @extschema@.capeai_archive_agent(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_agents(
  search text DEFAULT NULL,
  OUT slug text, OUT version text, OUT status text, OUT name text, OUT description text, OUT capabilities text[],
  OUT visibility text, OUT owner regrole, OUT rating real, OUT rating_lower real, OUT ratings bigint, OUT runs bigint,
  OUT success_rate real, OUT cost_per_run numeric) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 20 AS 'MODULE_PATHNAME', 'capeai_agents';
COMMENT ON FUNCTION @extschema@.capeai_agents(text)
  IS 'The catalogue: agents that one may call, and one''s own drafts, whose names or descriptions have all words of search; the best rated first. What runs came to counts everybody''s';
REVOKE ALL ON FUNCTION @extschema@.capeai_agents(text) FROM PUBLIC;
