-- The knowledge base: documents, their passages, and the inverted index over
-- them. How the index works is told in docs/relevance.md.

CREATE TABLE capeai.collections (
  id             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name           text NOT NULL UNIQUE CHECK (name <> '' AND octet_length(name) <= 255),
  config         text NOT NULL DEFAULT 'pg_catalog.english',
  passage_tokens integer NOT NULL DEFAULT 300 CHECK (passage_tokens BETWEEN 32 AND 8192),
  overlap_tokens integer NOT NULL DEFAULT 40 CHECK (overlap_tokens BETWEEN 0 AND passage_tokens / 2),
  created_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE capeai.collections IS 'Named sets of documents that are searched together';
COMMENT ON COLUMN capeai.collections.config IS
  'Text search configuration, with its schema. Text, not regconfig: pg_upgrade refuses tables with such columns';
COMMENT ON COLUMN capeai.collections.passage_tokens IS 'Documents are cut into passages of about this size';
COMMENT ON COLUMN capeai.collections.overlap_tokens IS 'Where a section is cut, so much is repeated';

CREATE TABLE capeai.documents (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  collection_id integer NOT NULL REFERENCES capeai.collections (id) ON DELETE CASCADE,
  title         text NOT NULL,
  url           text,
  type          text NOT NULL,
  keywords      text[] NOT NULL,
  metadata      jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
  content_hash  bytea NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (collection_id, url)
);
COMMENT ON TABLE capeai.documents IS 'Documents; their text is in their passages';
COMMENT ON COLUMN capeai.documents.content_hash IS 'SHA-256 of all that the document was made from: adding the same again costs nothing';

CREATE TABLE capeai.passages (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  document_id bigint NOT NULL REFERENCES capeai.documents (id) ON DELETE CASCADE,
  ordinal     integer NOT NULL,
  heading     text NOT NULL,
  content     text NOT NULL,
  tokens      integer NOT NULL,
  terms       bytea NOT NULL,
  UNIQUE (document_id, ordinal)
) WITH (toast_tuple_target = 8160);
ALTER TABLE capeai.passages ALTER COLUMN terms SET STORAGE EXTERNAL;
COMMENT ON TABLE capeai.passages IS 'Pieces of documents: what is found, sent to models and cited';
COMMENT ON COLUMN capeai.passages.heading IS 'Path of headings, outermost first, joined by " > "';
COMMENT ON COLUMN capeai.passages.tokens IS 'About how many tokens a model sees';
COMMENT ON COLUMN capeai.passages.terms IS 'Packed lexemes with their counts, from which the index is made';

CREATE TABLE capeai.links (
  collection_id integer NOT NULL,
  document_id   bigint NOT NULL REFERENCES capeai.documents (id) ON DELETE CASCADE,
  page          text NOT NULL,
  terms         bytea NOT NULL,
  PRIMARY KEY (collection_id, page, document_id)
);
CREATE INDEX links_document ON capeai.links (document_id);
COMMENT ON TABLE capeai.links IS 'What documents say of the pages that they link to';
COMMENT ON COLUMN capeai.links.document_id IS 'The document that links';
COMMENT ON COLUMN capeai.links.page IS 'Where it leads: a url without fragment; whether a document has it is seen when searching';
COMMENT ON COLUMN capeai.links.terms IS 'Packed lexemes of the links'' texts with their counts';

-- The index. Not dumped: where capeai.index_state has no row for a collection, as
-- after a restore, search reads capeai.passages instead, and the next write indexes them.

CREATE TABLE capeai.index_state (
  collection_id integer PRIMARY KEY REFERENCES capeai.collections (id) ON DELETE CASCADE
);
COMMENT ON TABLE capeai.index_state IS 'Collections whose passages are all in the index';

-- No foreign keys on the next two: they cost a check per row, and rows left
-- over from a collection that is gone are found by nobody.
CREATE TABLE capeai.index_pending (
  collection_id integer NOT NULL,
  passage_id    bigint NOT NULL,
  document_id   bigint NOT NULL,
  xact          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (collection_id, passage_id)
);
COMMENT ON TABLE capeai.index_pending IS 'Passages that are in no segment yet; searched one by one';
COMMENT ON COLUMN capeai.index_pending.xact IS 'The transaction that wrote the row; it alone may merge it before commit';

CREATE TABLE capeai.index_dead (
  collection_id integer NOT NULL,
  passage_id    bigint NOT NULL,
  document_id   bigint NOT NULL,
  PRIMARY KEY (collection_id, passage_id)
);
COMMENT ON TABLE capeai.index_dead IS 'Passages that are gone but still in a segment';

CREATE TABLE capeai.index_segments (
  id            bigint PRIMARY KEY,
  collection_id integer NOT NULL REFERENCES capeai.collections (id) ON DELETE CASCADE,
  level         integer NOT NULL,
  passages      integer NOT NULL,
  xact          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  header        bytea NOT NULL
);
ALTER TABLE capeai.index_segments ALTER COLUMN header SET STORAGE EXTERNAL;
CREATE INDEX index_segments_collection ON capeai.index_segments (collection_id);
COMMENT ON TABLE capeai.index_segments IS 'Immutable pieces of the inverted index';
COMMENT ON COLUMN capeai.index_segments.id IS 'Random, never used again: processes keep headers by it';
COMMENT ON COLUMN capeai.index_segments.level IS 'Eight segments of a level are merged into one of the next';
COMMENT ON COLUMN capeai.index_segments.header IS 'Packed: which passages, and how long their fields are';

CREATE TABLE capeai.index_blocks (
  segment_id bigint NOT NULL REFERENCES capeai.index_segments (id) ON DELETE CASCADE,
  first_term bytea NOT NULL,
  block      bytea NOT NULL,
  PRIMARY KEY (segment_id, first_term)
) WITH (toast_tuple_target = 8160);
ALTER TABLE capeai.index_blocks ALTER COLUMN block SET STORAGE EXTERNAL;
COMMENT ON TABLE capeai.index_blocks IS 'Terms in byte order with their packed posting lists';

GRANT SELECT ON capeai.collections TO capeai_user, capeai_admin;
GRANT SELECT ON capeai.documents, capeai.passages TO capeai_admin;

CREATE FUNCTION @extschema@.capeai_create_collection(name text, config regconfig DEFAULT 'pg_catalog.english',
                                         passage_tokens integer DEFAULT 300, overlap_tokens integer DEFAULT 40)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.capeai_create_collection(text, regconfig, integer, integer) IS
  'Makes a collection of documents with its own text search configuration and passage size';
REVOKE ALL ON FUNCTION @extschema@.capeai_create_collection(text, regconfig, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_create_collection(text, regconfig, integer, integer) TO capeai_admin;

CREATE FUNCTION @extschema@.capeai_add_document(title text, content text, url text DEFAULT NULL, type text DEFAULT 'doc',
                                    keywords text[] DEFAULT '{}', collection text DEFAULT 'default',
                                    format text DEFAULT 'markdown', metadata jsonb DEFAULT '{}')
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.capeai_add_document(text, text, text, text, text[], text, text, jsonb) IS
  'Adds a document (markdown, html or plain) to a collection, or replaces the one with the same url; returns its id';
REVOKE ALL ON FUNCTION @extschema@.capeai_add_document(text, text, text, text, text[], text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_add_document(text, text, text, text, text[], text, text, jsonb) TO capeai_admin;

CREATE FUNCTION @extschema@.capeai_remove_document(document_id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.capeai_remove_document(bigint) IS 'Removes a document; false if there is none with this id';
REVOKE ALL ON FUNCTION @extschema@.capeai_remove_document(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_remove_document(bigint) TO capeai_admin;

CREATE FUNCTION @extschema@.capeai_load_directory(path text, collection text DEFAULT 'default', base_url text DEFAULT NULL,
                                      OUT documents integer, OUT passages integer, OUT unchanged integer,
                                      OUT failed integer)
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 10000 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.capeai_load_directory(text, text, text) IS
  'Adds the Markdown, HTML and text files below a directory of the server. For superusers and members of pg_read_server_files';
REVOKE ALL ON FUNCTION @extschema@.capeai_load_directory(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_load_directory(text, text, text) TO capeai_admin;

CREATE FUNCTION @extschema@.capeai_search(query text, collection text DEFAULT 'default', max_results integer DEFAULT 5,
                              context jsonb DEFAULT '{}')
RETURNS TABLE (document_id bigint, passage_id bigint, title text, heading text, snippet text, url text, type text,
               score real)
LANGUAGE c STABLE PARALLEL RESTRICTED COST 10000 ROWS 5 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.capeai_search(text, text, integer, jsonb) IS
  'The documents of a collection that speak of the query, best first, each by its best passage';
REVOKE ALL ON FUNCTION @extschema@.capeai_search(text, text, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.capeai_search(text, text, integer, jsonb) TO capeai_user, capeai_admin;

CREATE FUNCTION capeai.query_terms(query text, collection text DEFAULT 'default')
RETURNS TABLE (term text, weight real)
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'capeai_query_terms';
COMMENT ON FUNCTION capeai.query_terms(text, text) IS
  'For explaining results: the indexed words that a query is searched by';
REVOKE ALL ON FUNCTION capeai.query_terms(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION capeai.query_terms(text, text) TO capeai_user, capeai_admin;

-- One call for each statement: a dump of the extension's rows.
SELECT pg_catalog.pg_extension_config_dump('capeai.collections', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.collections_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.documents', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.documents_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.passages', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.passages_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('capeai.links', '');
