-- The ground: where functions may live, the schema of the tables, the roles, the
-- composite types, and the row that names this database.

-- Names and operators mean PostgreSQL's own in all that follows, whatever others
-- have put into the schema of the functions: those are always written with it.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

DO $do$
BEGIN
  IF '@extschema@' OPERATOR(pg_catalog.=) 'capeai' THEN
    RAISE EXCEPTION 'capeai''s functions cannot be installed in schema "capeai", which is kept for its tables'
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave out the SCHEMA clause, or name another schema.';
  END IF;
END
$do$;

CREATE SCHEMA capeai;
COMMENT ON SCHEMA capeai IS 'Tables, types and views of the extension capeai; its functions are named capeai_*';

-- Roles belong to the cluster, not to the extension: another database may use
-- them too, so DROP EXTENSION leaves them (see docs/install.md).
DO $do$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT *
    FROM (VALUES ('capeai_user', 'may ask and submit tasks, and sees their own'),
                 ('capeai_admin', 'manages agents, knowledge, limits and everybody''s tasks'),
                 ('capeai_auditor', 'reads the whole audit trail')) AS roles (name, duty)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = wanted.name) THEN
      BEGIN
        EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted.name);
        EXECUTE pg_catalog.format('COMMENT ON ROLE %I IS %L', wanted.name, pg_catalog.concat('capeai: ', wanted.duty));
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another database was faster
      END;
    END IF;
  END LOOP;
END
$do$;

CREATE TYPE capeai.answer AS (
  response           text,
  suggestions        text[],
  resources          jsonb,
  citations          jsonb,
  confidence_score   real,
  grounded           boolean,
  finish_reason      text,
  processing_time_ms integer,
  task_id            uuid,
  conversation       uuid,
  model              text,
  usage              jsonb
);
COMMENT ON TYPE capeai.answer IS 'What an agent answered, and how it came about';
COMMENT ON COLUMN capeai.answer.resources IS 'Array of {title, url, type}';
COMMENT ON COLUMN capeai.answer.citations IS 'Array of {document_id, passage_id, title, url}: the passages that the answer rests on';
COMMENT ON COLUMN capeai.answer.confidence_score IS '0 to 1';
COMMENT ON COLUMN capeai.answer.grounded IS 'Whether the knowledge base supports the answer';
COMMENT ON COLUMN capeai.answer.usage IS 'Tokens, cost, and whether they were reported or estimated';

CREATE TABLE capeai.installation (
  single            boolean PRIMARY KEY DEFAULT true CHECK (single),
  id                uuid NOT NULL,
  system_identifier bigint NOT NULL,
  database_oid      oid NOT NULL,
  secret            bytea NOT NULL CHECK (octet_length(secret) = 32)
);
COMMENT ON TABLE capeai.installation IS
  'Names this database, so that a copy of it is known for one. One row, made when first needed, never dumped';
COMMENT ON COLUMN capeai.installation.id IS 'Carried by every task submitted here; the worker runs no others';
COMMENT ON COLUMN capeai.installation.system_identifier IS 'Of the cluster in which id was made';
COMMENT ON COLUMN capeai.installation.database_oid IS 'Of the database in which id was made';
COMMENT ON COLUMN capeai.installation.secret IS 'Makes the names of user channels unguessable';
