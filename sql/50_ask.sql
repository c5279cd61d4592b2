-- Asking now.

CREATE FUNCTION @extschema@.capeai_ask(
  query text, context jsonb DEFAULT '{}', user_level text DEFAULT 'beginner', preferred_format text DEFAULT 'text',
  agent text DEFAULT 'cape-ai-guide', model text DEFAULT NULL, conversation uuid DEFAULT NULL,
  user_id text DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_ask';
COMMENT ON FUNCTION @extschema@.capeai_ask(text, jsonb, text, text, text, text, uuid, text, interval)
  IS 'Asks an agent and returns its answer as text; capeai_last_answer() has the rest';
REVOKE ALL ON FUNCTION @extschema@.capeai_ask(text, jsonb, text, text, text, text, uuid, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_answer(
  query text, context jsonb DEFAULT '{}', user_level text DEFAULT 'beginner', preferred_format text DEFAULT 'text',
  agent text DEFAULT 'cape-ai-guide', model text DEFAULT NULL, conversation uuid DEFAULT NULL,
  user_id text DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS capeai.answer
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_answer';
COMMENT ON FUNCTION @extschema@.capeai_answer(text, jsonb, text, text, text, text, uuid, text, interval)
  IS 'Asks an agent; use it in FROM: SELECT response, resources FROM capeai_answer(''...'')';
REVOKE ALL ON FUNCTION @extschema@.capeai_answer(text, jsonb, text, text, text, text, uuid, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_last_answer() RETURNS capeai.answer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_last_answer';
COMMENT ON FUNCTION @extschema@.capeai_last_answer() IS 'All of this session''s last answer; costs nothing, NULL if there was none';
REVOKE ALL ON FUNCTION @extschema@.capeai_last_answer() FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_stream(
  query text, context jsonb DEFAULT '{}', user_level text DEFAULT 'beginner', preferred_format text DEFAULT 'text',
  agent text DEFAULT 'cape-ai-guide', model text DEFAULT NULL, conversation uuid DEFAULT NULL,
  user_id text DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS SETOF text
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'capeai_stream';
COMMENT ON FUNCTION @extschema@.capeai_stream(text, jsonb, text, text, text, text, uuid, text, interval)
  IS 'Asks an agent and returns its answer piece by piece: DECLARE c CURSOR FOR SELECT capeai_stream(''...'')';
REVOKE ALL ON FUNCTION @extschema@.capeai_stream(text, jsonb, text, text, text, text, uuid, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_ask_many(
  queries text[], context jsonb DEFAULT '{}', user_level text DEFAULT 'beginner', preferred_format text DEFAULT 'text',
  agent text DEFAULT 'cape-ai-guide', model text DEFAULT NULL, conversation uuid DEFAULT NULL,
  user_id text DEFAULT NULL, timeout interval DEFAULT NULL,
  OUT ordinal integer, OUT answer capeai.answer, OUT error_code text, OUT error_message text) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'capeai_ask_many';
COMMENT ON FUNCTION @extschema@.capeai_ask_many(text[], jsonb, text, text, text, text, uuid, text, interval)
  IS 'Asks an agent many questions at once; an answer or an error for each, in their order';
REVOKE ALL ON FUNCTION @extschema@.capeai_ask_many(text[], jsonb, text, text, text, text, uuid, text, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_chat(messages jsonb, model text DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_chat';
COMMENT ON FUNCTION @extschema@.capeai_chat(jsonb, text, jsonb)
  IS 'One chat completion: messages and options as in OpenAI''s API, its reply as it came';
REVOKE ALL ON FUNCTION @extschema@.capeai_chat(jsonb, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_embed(inputs text[], model text DEFAULT NULL, OUT ordinal integer, OUT embedding real[])
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100 AS 'MODULE_PATHNAME', 'capeai_embed';
COMMENT ON FUNCTION @extschema@.capeai_embed(text[], text)
  IS 'The embedding of each text, in their order; model text-embedding-3-small where none is given';
REVOKE ALL ON FUNCTION @extschema@.capeai_embed(text[], text) FROM PUBLIC;

CREATE FUNCTION @extschema@.capeai_wait(task_id uuid, timeout interval DEFAULT '60 s') RETURNS capeai.tasks
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME', 'capeai_wait';
COMMENT ON FUNCTION @extschema@.capeai_wait(uuid, interval)
  IS 'Waits until a task has ended, or the time is over, and returns its row as it is then';
REVOKE ALL ON FUNCTION @extschema@.capeai_wait(uuid, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
  @extschema@.capeai_ask(text, jsonb, text, text, text, text, uuid, text, interval),
  @extschema@.capeai_answer(text, jsonb, text, text, text, text, uuid, text, interval),
  @extschema@.capeai_stream(text, jsonb, text, text, text, text, uuid, text, interval),
  @extschema@.capeai_ask_many(text[], jsonb, text, text, text, text, uuid, text, interval),
  @extschema@.capeai_last_answer(), @extschema@.capeai_chat(jsonb, text, jsonb), @extschema@.capeai_embed(text[], text), @extschema@.capeai_wait(uuid, interval)
TO capeai_user, capeai_admin;
