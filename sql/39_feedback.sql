-- What people thought of answers.

CREATE TABLE capeai.feedback (
  task_id          uuid PRIMARY KEY REFERENCES capeai.tasks (id) ON DELETE CASCADE,
  agent_id         uuid NOT NULL,
  agent_version_id uuid NOT NULL,
  model            text NOT NULL,
  owner            regrole NOT NULL,
  user_id          text,
  rating           integer NOT NULL CHECK (rating BETWEEN 1 AND 5),
  comment          text,
  corrected        text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE capeai.feedback IS 'One rating for each task, by its owner. It goes with its task';
COMMENT ON COLUMN capeai.feedback.model IS 'What answered';
COMMENT ON COLUMN capeai.feedback.rating IS '1 (bad) to 5 (good)';
COMMENT ON COLUMN capeai.feedback.corrected IS 'What the answer should have been';
CREATE INDEX feedback_agent_version ON capeai.feedback (agent_version_id);

CREATE FUNCTION @extschema@.capeai_feedback(task_id uuid, rating integer, comment text DEFAULT NULL, corrected text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'capeai_feedback';
COMMENT ON FUNCTION @extschema@.capeai_feedback(uuid, integer, text, text)
  IS 'Rates the answer of a task of one''s own, 1 (bad) to 5 (good); once more replaces it';
REVOKE ALL ON FUNCTION @extschema@.capeai_feedback(uuid, integer, text, text) FROM PUBLIC;
