-- Agents are data: a manifest for each version.

CREATE TABLE capeai.agents (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name        text NOT NULL,
  description text NOT NULL DEFAULT '',
  visibility  text NOT NULL CHECK (visibility IN ('private', 'role', 'public')),
  owner       regrole,
  created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE capeai.agents IS 'Agents by slug; what they do is in their versions';
COMMENT ON COLUMN capeai.agents.visibility IS
  'private: the owner''s; role: the members'' of the owner role; public: every capeai_user''s';
COMMENT ON COLUMN capeai.agents.owner IS 'NULL for the agents that ship with the extension';

CREATE TABLE capeai.agent_versions (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_id     uuid NOT NULL REFERENCES capeai.agents (id) ON DELETE CASCADE,
  version      text NOT NULL,
  manifest     jsonb NOT NULL CHECK (jsonb_typeof(manifest) = 'object'),
  changelog    text NOT NULL DEFAULT '',
  status       text NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  UNIQUE (agent_id, version)
);
COMMENT ON TABLE capeai.agent_versions IS 'Versions of agents. A manifest never changes: new content is a new version';
COMMENT ON COLUMN capeai.agent_versions.version IS 'Semantic version';
COMMENT ON COLUMN capeai.agent_versions.status IS
  'draft: callable by its owner as slug@version; published: the slug means the one published last, slug@version any; archived: not callable';

-- The agents that ship with the extension. Their ids are literal and never
-- reused, and every version ever shipped stays here: dumped tasks name them.
CREATE FUNCTION capeai.ship_agent(agent_id uuid, version_id uuid, manifest jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  INSERT INTO capeai.agents (id, slug, name, description, visibility)
  VALUES (agent_id, manifest ->> 'slug', manifest ->> 'name', COALESCE(manifest ->> 'description', ''), 'public')
  ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, description = EXCLUDED.description;

  INSERT INTO capeai.agent_versions (id, agent_id, version, manifest, changelog, status, published_at)
  VALUES (version_id, agent_id, manifest ->> 'version', manifest, COALESCE(manifest ->> 'changelog', ''),
          'published', clock_timestamp());
END;
COMMENT ON FUNCTION capeai.ship_agent(uuid, uuid, jsonb) IS 'Adds one version of an agent that comes with the extension';
REVOKE ALL ON FUNCTION capeai.ship_agent(uuid, uuid, jsonb) FROM PUBLIC;

--@agents@

DROP FUNCTION capeai.ship_agent(uuid, uuid, jsonb);
