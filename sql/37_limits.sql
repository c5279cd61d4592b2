-- Limits and prices: how much may run, wait and be spent, by whom and with which model.

CREATE FUNCTION @extschema@.capeai_set_limit(scope text, name text, metric text, value numeric) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_set_limit';
COMMENT ON FUNCTION @extschema@.capeai_set_limit(text, text, text, numeric)
  IS 'Sets a limit for a role, an agent or a model, or (scope default) for each role or model without one of its own; NULL removes it';
REVOKE ALL ON FUNCTION @extschema@.capeai_set_limit(text, text, text, numeric) FROM PUBLIC;

CREATE FUNCTION capeai.note_price_change() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'capeai_note_price_change';
COMMENT ON FUNCTION capeai.note_price_change() IS 'Records that prices changed, and has the worker reckon budgets anew';
REVOKE ALL ON FUNCTION capeai.note_price_change() FROM PUBLIC;

CREATE TRIGGER note_price_change AFTER INSERT OR UPDATE OR DELETE ON capeai.prices
  FOR EACH STATEMENT EXECUTE FUNCTION capeai.note_price_change();
COMMENT ON TRIGGER note_price_change ON capeai.prices IS 'Prices count from the next request on';
