-- Limits: how much may run, wait and be spent, by whom and with which model.

CREATE FUNCTION capeai_set_limit(scope text, name text, metric text, value numeric) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_set_limit';
COMMENT ON FUNCTION capeai_set_limit(text, text, text, numeric)
  IS 'Sets a limit for a role, an agent or a model, or (scope default) for each role or model without one of its own; NULL removes it';
REVOKE ALL ON FUNCTION capeai_set_limit(text, text, text, numeric) FROM PUBLIC;
