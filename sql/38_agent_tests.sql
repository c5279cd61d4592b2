-- Agents' own tests: their runs, their results, and what was recorded for them.

CREATE TABLE capeai.test_runs (
  id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_id          uuid NOT NULL REFERENCES capeai.agents (id) ON DELETE CASCADE,
  agent_version_id  uuid NOT NULL,
  content_hash      bytea NOT NULL,
  mode              text NOT NULL CHECK (mode IN ('record', 'replay', 'live')),
  role              regrole NOT NULL,
  cases             integer NOT NULL,
  failed            integer NOT NULL,
  stale             integer NOT NULL,
  prompt_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cost              numeric,
  started_at        timestamptz NOT NULL,
  completed_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE capeai.test_runs IS 'Runs of agents'' tests by capeai_test_agent()';
COMMENT ON COLUMN capeai.test_runs.content_hash IS 'Of the version as it was tested: a draft may change afterwards';
COMMENT ON COLUMN capeai.test_runs.stale IS 'Cases whose recording was made for another prompt, or on other knowledge';
COMMENT ON COLUMN capeai.test_runs.cost IS 'Of the model''s answers; NULL where their price is not known';
CREATE INDEX test_runs_version ON capeai.test_runs (agent_version_id, content_hash);
CREATE INDEX test_runs_agent ON capeai.test_runs (agent_id);

CREATE TABLE capeai.test_results (
  run_id            uuid NOT NULL REFERENCES capeai.test_runs (id) ON DELETE CASCADE,
  case_number       integer NOT NULL,
  case_name         text NOT NULL,
  passed            boolean NOT NULL,
  problems          text[] NOT NULL,
  stale             text,
  response          text,
  output_data       jsonb,
  model             text NOT NULL,
  prompt_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cost              numeric,
  duration_ms       integer NOT NULL,
  PRIMARY KEY (run_id, case_number)
);
COMMENT ON TABLE capeai.test_results IS 'What came of each case of a test run';
COMMENT ON COLUMN capeai.test_results.response IS 'Without keys and personal data, as output_data';
COMMENT ON COLUMN capeai.test_results.problems IS 'What was expected and not so, a sentence each';
COMMENT ON COLUMN capeai.test_results.stale IS
  'Of a replay: why the recorded answer need not be what the model would answer now; NULL: it is as fresh as when it was recorded';
COMMENT ON COLUMN capeai.test_results.model IS 'What answered; capeai-extractive: no model did';

CREATE TABLE capeai.recordings (
  agent_id    uuid NOT NULL REFERENCES capeai.agents (id) ON DELETE CASCADE,
  case_name   text NOT NULL,
  recording   jsonb NOT NULL CHECK (jsonb_typeof(recording) = 'object'),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (agent_id, case_name)
);
COMMENT ON TABLE capeai.recordings IS 'What was found and what the model answered when a case of an agent''s tests was recorded last';
COMMENT ON COLUMN capeai.recordings.recording IS 'Passages and answers, without keys and personal data; a hash tells whether the prompt is still the same';

CREATE FUNCTION @extschema@.capeai_test_agent(slug text, version text DEFAULT NULL, mode text DEFAULT 'replay')
RETURNS SETOF capeai.test_results
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 ROWS 20 AS 'MODULE_PATHNAME', 'capeai_test_agent';
COMMENT ON FUNCTION @extschema@.capeai_test_agent(text, text, text)
  IS 'Runs an agent''s tests (version NULL: its newest). replay: against what was recorded, without network and tokens; record: asks the model, and keeps what it answers; live: asks it, and keeps nothing';
REVOKE ALL ON FUNCTION @extschema@.capeai_test_agent(text, text, text) FROM PUBLIC;
