-- Tasks and all that hangs on them.
--
-- The claimer and the finisher touch tasks tens of thousands of times a second:
-- every index here is paid by each of them, so there is one for each question
-- that is really asked, partial where a state is asked for. Checks hold one
-- constant, not one for each word: every statement that writes reads them anew.

CREATE TABLE capeai.tasks (
  id                uuid NOT NULL,
  kind              text NOT NULL DEFAULT 'queued' CHECK (kind = ANY ('{ask,queued}')),
  title             text,
  description       text,
  agent_id          uuid NOT NULL REFERENCES capeai.agents (id),
  agent_version_id  uuid NOT NULL,
  owner             regrole NOT NULL,
  user_id           text,
  status            text NOT NULL
                    CHECK (status = ANY ('{queued,running,succeeded,blocked,failed,cancelled}')),
  priority          integer NOT NULL DEFAULT 0,
  run_at            timestamptz NOT NULL DEFAULT now(),
  deadline          timestamptz,
  installation      uuid NOT NULL,
  attempt           integer NOT NULL DEFAULT 0,
  failures          integer NOT NULL DEFAULT 0,
  crash_count       integer NOT NULL DEFAULT 0,
  max_attempts      integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
  timeout           interval,
  input_data        jsonb,
  output_data       jsonb,
  error_code        text,
  error_message     text,
  model             text NOT NULL DEFAULT '',
  prompt_tokens     bigint,
  completion_tokens bigint,
  cost              numeric,
  usage             jsonb,
  price             jsonb,
  options           jsonb NOT NULL DEFAULT '{}',
  stream            boolean NOT NULL DEFAULT false,
  conversation      uuid,
  wait_reason       text,
  idempotency_key   text,
  parent_task_id    uuid,
  worker            uuid,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  started_at        timestamptz,
  completed_at      timestamptz,
  PRIMARY KEY (id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,
        autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE capeai.tasks IS 'Every task and every ask, with what came of it';
COMMENT ON COLUMN capeai.tasks.id IS 'UUIDv7: sortable in time, unguessable';
COMMENT ON COLUMN capeai.tasks.kind IS 'ask: somebody waited for it in capeai_ask and the like; never queued again';
COMMENT ON COLUMN capeai.tasks.agent_version_id IS 'capeai.agent_versions.id (no foreign key: it would be locked for every task)';
COMMENT ON COLUMN capeai.tasks.owner IS 'Who called; compared as an oid';
COMMENT ON COLUMN capeai.tasks.user_id IS 'The application''s own name for its user';
COMMENT ON COLUMN capeai.tasks.status IS 'The moves that are allowed stand in src/policy/task_state.hpp';
COMMENT ON COLUMN capeai.tasks.priority IS 'Higher first';
COMMENT ON COLUMN capeai.tasks.deadline IS 'run_at as submitted plus timeout';
COMMENT ON COLUMN capeai.tasks.installation IS 'capeai.installation.id where it was submitted; see capeai_adopt_tasks()';
COMMENT ON COLUMN capeai.tasks.attempt IS '1 at the first claim; grows at every claim';
COMMENT ON COLUMN capeai.tasks.failures IS 'Attempts that count against max_attempts';
COMMENT ON COLUMN capeai.tasks.crash_count IS 'How often the server process died while working on just this task';
COMMENT ON COLUMN capeai.tasks.timeout IS 'Total, from run_at; NULL: none';
COMMENT ON COLUMN capeai.tasks.price IS 'The row of capeai.prices that cost was reckoned with';
COMMENT ON COLUMN capeai.tasks.usage IS 'Tokens in detail; "source" says whether reported or estimated';
COMMENT ON COLUMN capeai.tasks.options IS 'temperature and max_tokens as resolved at submit';
COMMENT ON COLUMN capeai.tasks.wait_reason IS 'Why a queued task has a later run_at than it was submitted with';
COMMENT ON COLUMN capeai.tasks.parent_task_id IS 'The task that this one tries again';
COMMENT ON COLUMN capeai.tasks.worker IS 'Incarnation of the worker that claimed it last';

-- Lanes (src/policy/share.hpp): all that decides whether a task may run, then their order.
CREATE INDEX tasks_queued ON capeai.tasks (installation, (-priority), owner, agent_id, model, run_at, id)
  WHERE status = 'queued';
-- What was put off, and why.
CREATE INDEX tasks_put_off ON capeai.tasks (wait_reason, run_at) WHERE status = 'queued' AND wait_reason IS NOT NULL;
CREATE INDEX tasks_running ON capeai.tasks (id) WHERE status = 'running';
CREATE INDEX tasks_blocked ON capeai.tasks (id) WHERE status = 'blocked';
CREATE INDEX tasks_deadline ON capeai.tasks (deadline)
  WHERE status IN ('queued', 'blocked') AND deadline IS NOT NULL;
CREATE INDEX tasks_owner ON capeai.tasks (owner, id);
CREATE INDEX tasks_conversation ON capeai.tasks (conversation, id) WHERE conversation IS NOT NULL;
CREATE INDEX tasks_completed ON capeai.tasks (completed_at) WHERE completed_at IS NOT NULL;
CREATE UNIQUE INDEX tasks_idempotency ON capeai.tasks (owner, agent_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE TABLE capeai.task_dependencies (
  task_id    uuid NOT NULL REFERENCES capeai.tasks (id) ON DELETE CASCADE,
  depends_on uuid NOT NULL REFERENCES capeai.tasks (id) ON DELETE CASCADE,
  PRIMARY KEY (task_id, depends_on),
  CHECK (task_id <> depends_on)
);
COMMENT ON TABLE capeai.task_dependencies IS 'task_id runs only after depends_on has succeeded';
CREATE INDEX task_dependencies_depends_on ON capeai.task_dependencies (depends_on);

CREATE TABLE capeai.runs (
  id            bigint GENERATED BY DEFAULT AS IDENTITY,
  task_id       uuid NOT NULL REFERENCES capeai.tasks (id) ON DELETE CASCADE,
  attempt       integer NOT NULL,
  step_number   integer NOT NULL,
  step_name     text NOT NULL,
  status        text NOT NULL CHECK (status = ANY ('{running,succeeded,failed,cancelled}')),
  input_data    jsonb,
  output_data   jsonb,
  error_details jsonb,
  started_at    timestamptz NOT NULL,
  completed_at  timestamptz,
  PRIMARY KEY (task_id, attempt, step_number)
);
COMMENT ON TABLE capeai.runs IS 'The steps of every attempt of every task';

CREATE TABLE capeai.audit_events (
  id               bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  event_type       text NOT NULL,
  user_id          text,
  role             regrole,
  agent_id         uuid,
  task_id          uuid,
  event_data       jsonb NOT NULL DEFAULT '{}',
  client_addr      text,
  application_name text,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE capeai.audit_events IS
  'Who did what and when. Append-only; no foreign keys: the trail outlives what it speaks of';
COMMENT ON COLUMN capeai.audit_events.role IS 'Who caused it; for what the worker did, the task''s owner';
CREATE INDEX audit_events_task ON capeai.audit_events (task_id) WHERE task_id IS NOT NULL;

CREATE TABLE capeai.audit_seals (
  seq         bigint PRIMARY KEY,
  event_id    bigint NOT NULL,
  events      bytea NOT NULL,
  open        bigint[] NOT NULL,
  pruned_seq  bigint,
  pruned_hash bytea,
  key_id      text,
  prev        bytea NOT NULL,
  hash        bytea NOT NULL,
  created_at  timestamptz NOT NULL
);
-- Hashes do not get smaller.
ALTER TABLE capeai.audit_seals ALTER COLUMN events SET STORAGE EXTERNAL;
COMMENT ON TABLE capeai.audit_seals IS 'Chain of hashes over audit_events, written by the worker; capeai_audit_verify() checks it';
COMMENT ON COLUMN capeai.audit_seals.event_id IS 'The last event that the chain covers with this link';
COMMENT ON COLUMN capeai.audit_seals.events IS 'The events of this link: for each its id (8 bytes) and half of its SHA-256 (16 bytes)';
COMMENT ON COLUMN capeai.audit_seals.open IS 'Pairs first, last of ids before event_id that transactions under way may still bring';
COMMENT ON COLUMN capeai.audit_seals.pruned_seq IS 'Retention has deleted the links up to this one, with their events';
COMMENT ON COLUMN capeai.audit_seals.pruned_hash IS 'The hash of the link pruned_seq';
COMMENT ON COLUMN capeai.audit_seals.key_id IS 'Which key the hash was made with; NULL: none';
COMMENT ON COLUMN capeai.audit_seals.prev IS 'The hash of the link before';
COMMENT ON COLUMN capeai.audit_seals.hash IS 'SHA-256 of all that stands here but open; with capeai.audit_key_file, HMAC';

CREATE TABLE capeai.conversations (
  id         uuid PRIMARY KEY,
  owner      regrole NOT NULL,
  user_id    text,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE capeai.conversations IS 'Conversations belong to the first who used their id';

CREATE TABLE capeai.task_signals (
  task_id uuid NOT NULL,
  signal  text NOT NULL CHECK (signal IN ('cancel', 'cancelled')),
  role    regrole NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (task_id, signal)
);
COMMENT ON TABLE capeai.task_signals IS
  'What the worker is to know about a task whose row is not to be locked. It acts and deletes the row';
COMMENT ON COLUMN capeai.task_signals.signal IS
  'cancel: end it, whatever its state is by now; cancelled: it was cancelled before it ran, tell the listeners';

CREATE TABLE capeai.limits (
  scope  text NOT NULL CHECK (scope IN ('role', 'agent', 'model', 'default')),
  name   text NOT NULL DEFAULT '',
  metric text NOT NULL CHECK (metric IN ('in_flight', 'queued', 'tasks_per_minute', 'requests_per_minute',
                                         'tokens_per_minute', 'tokens_per_day', 'cost_per_day')),
  value  numeric NOT NULL CHECK (value >= 0.0),
  PRIMARY KEY (scope, name, metric)
);
COMMENT ON TABLE capeai.limits IS 'Limits set by capeai_set_limit()';
COMMENT ON COLUMN capeai.limits.name IS 'Role, agent slug or model; empty for scope default';

CREATE TABLE capeai.prices (
  model        text NOT NULL,
  valid_from   timestamptz NOT NULL DEFAULT '-infinity',
  input        numeric NOT NULL CHECK (input >= 0.0),
  cached_input numeric CHECK (cached_input >= 0.0),
  output       numeric NOT NULL CHECK (output >= 0.0),
  PRIMARY KEY (model, valid_from)
);
COMMENT ON TABLE capeai.prices IS 'What models cost, per million tokens, in the currency of your limits';
COMMENT ON COLUMN capeai.prices.cached_input IS 'NULL: as input';
