#include "store/agents.hpp"

#include "pg/guard.hpp"
#include "pg/session.hpp"

namespace capeai::store {
namespace {

using pg::Type;

// `which` tells the version.
#define CAPEAI_FIND_VERSION(which)                                                          \
  "SELECT a.id, v.id, v.version, v.status, a.owner IS NULL, a.owner = $2,"                  \
  " CASE WHEN a.owner = $2 THEN true"                                                       \
  "      WHEN a.visibility = 'public' THEN true"                                            \
  "      WHEN a.visibility = 'role' THEN pg_has_role($2, a.owner, 'USAGE') END,"            \
  " i.id, encode(v.content_hash, 'hex')"                                                    \
  " FROM capeai.agents AS a"                                                                \
  " JOIN capeai.agent_versions AS v ON v.agent_id = a.id AND " which                        \
  " LEFT JOIN capeai.installation AS i ON i.system_identifier = $3 AND i.database_oid = $4" \
  " WHERE a.slug = $1"

const pg::Statement kFindPublished{CAPEAI_FIND_VERSION("v.id = a.published"),
                                   {Type::kText, Type::kOid, Type::kInt8, Type::kOid}};
const pg::Statement kFindVersion{CAPEAI_FIND_VERSION("v.version = $5"),
                                 {Type::kText, Type::kOid, Type::kInt8, Type::kOid, Type::kText}};

// What content_hash is of: the text of the manifest as jsonb writes it.
#define CAPEAI_MANIFEST_HASH(manifest) "sha256(convert_to(" manifest "::text, 'UTF8'))"

const pg::Statement kManifest{"SELECT manifest, content_hash = " CAPEAI_MANIFEST_HASH(
                                  "manifest") ", version FROM capeai.agent_versions WHERE id = $1",
                              {Type::kUuid}};

const pg::Statement kCreate{
    "INSERT INTO capeai.agents (slug, name, description, visibility, owner) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (slug) DO NOTHING RETURNING id",
    {Type::kText, Type::kText, Type::kText, Type::kText, Type::kOid}};

const pg::Statement kLock{
    "SELECT id, owner, visibility, CASE WHEN owner = $2 OR visibility = 'public' THEN true"
    "  WHEN visibility = 'role' THEN pg_has_role($2, owner, 'USAGE') END"
    " FROM capeai.agents WHERE slug = $1 FOR NO KEY UPDATE",
    {Type::kText, Type::kOid}};

const pg::Statement kUpdate{
    "UPDATE capeai.agents SET name = $2, description = $3, visibility = $4 WHERE id = $1"
    " AND (name, description, visibility) IS DISTINCT FROM ($2, $3, $4)",
    {Type::kUuid, Type::kText, Type::kText, Type::kText}};

const pg::Statement kAddVersion{
    "INSERT INTO capeai.agent_versions (agent_id, version, manifest, content_hash, changelog)"
    " VALUES ($1, $2, $3, " CAPEAI_MANIFEST_HASH("$3") ", $4)"
    " ON CONFLICT (agent_id, version) DO NOTHING RETURNING id",
    {Type::kUuid, Type::kText, Type::kJsonb, Type::kText}};

const pg::Statement kCompare{"SELECT id, content_hash = " CAPEAI_MANIFEST_HASH(
                                 "$3") " FROM capeai.agent_versions WHERE agent_id = $1 AND version = $2",
                             {Type::kUuid, Type::kText, Type::kJsonb}};

const pg::Statement kChangeDraft{
    "UPDATE capeai.agent_versions SET manifest = $2, content_hash = " CAPEAI_MANIFEST_HASH(
        "$2") ", changelog = $3 WHERE id = $1 AND published_at IS NULL AND status = 'draft'",
    {Type::kUuid, Type::kJsonb, Type::kText}};

const pg::Statement kPublishedVersions{
    "SELECT version FROM capeai.agent_versions WHERE agent_id = $1 AND published_at IS NOT NULL",
    {Type::kUuid}};

const pg::Statement kMarkPublished{
    "UPDATE capeai.agent_versions SET status = 'published', published_at = clock_timestamp(), test_run_id = "
    "$2"
    " WHERE id = $1 AND status = 'draft'",
    {Type::kUuid, Type::kUuid}};

const pg::Statement kLabelMoves{
    "SELECT m.version_id, m.cause, v.status = 'published' FROM capeai.agent_label_moves AS m"
    " LEFT JOIN capeai.agent_versions AS v ON v.id = m.version_id WHERE m.agent_id = $1 ORDER BY m.id",
    {Type::kUuid}};

const pg::Statement kMoveLabel{
    "WITH moved AS (UPDATE capeai.agents SET published = $2 WHERE id = $1)"
    " INSERT INTO capeai.agent_label_moves (agent_id, version_id, cause, role) VALUES ($1, $2, $3, $4)",
    {Type::kUuid, Type::kUuid, Type::kText, Type::kOid}};

const pg::Statement kArchive{
    "UPDATE capeai.agent_versions SET status = 'archived' WHERE id = $1 AND status <> 'archived'",
    {Type::kUuid}};

}  // namespace

std::optional<AgentVersion> FindAgentVersion(const std::string& slug,
                                             const std::optional<std::string>& version, pg::Oid role) {
  const pg::Param agent = std::string_view(slug), asks = int64_t{role};
  const pg::Param system = pg::SystemIdentifier(), database = int64_t{pg::DatabaseOid()};
  const pg::Rows rows =
      version ? pg::Execute(kFindVersion, {agent, asks, system, database, std::string_view(*version)})
              : pg::Execute(kFindPublished, {agent, asks, system, database});
  if (rows.empty()) return std::nullopt;
  AgentVersion found;
  found.agent_id = rows.Id(0, 0);
  found.version_id = rows.Id(0, 1);
  found.version = rows.String(0, 2);
  found.status = rows.String(0, 3);
  found.shipped = rows.Bool(0, 4);
  found.owned = rows.Bool(0, 5);
  found.visible = rows.Bool(0, 6);
  if (!rows.IsNull(0, 7)) found.installation = rows.Id(0, 7);
  found.content_hash = rows.String(0, 8);
  return found;
}

std::string ReadManifest(const Uuid& version_id) {
  const pg::Rows rows = pg::Execute(kManifest, {version_id});
  if (rows.empty()) return {};
  if (!rows.Bool(0, 1))
    pg::Raise("XX001", "the manifest of version " + rows.String(0, 2) + " is not what was stored",
              "Somebody has written to capeai.agent_versions: publish a new version.");
  return rows.String(0, 0);
}

std::optional<StoredAgent> LockAgent(const std::string& slug, pg::Oid role) {
  const pg::Rows found = pg::Execute(kLock, {std::string_view(slug), int64_t{role}});
  if (found.empty()) return std::nullopt;
  StoredAgent agent;
  agent.id = found.Id(0, 0);
  if (!found.IsNull(0, 1)) agent.owner = static_cast<pg::Oid>(found.Int(0, 1));
  agent.visibility = found.String(0, 2);
  agent.visible = found.Bool(0, 3);
  return agent;
}

StoredAgent FindOrCreateAgent(const AgentRow& row) {
  const pg::Rows made = pg::Execute(
      kCreate, {std::string_view(row.slug), std::string_view(row.name), std::string_view(row.description),
                std::string_view(row.visibility), int64_t{row.owner}});
  if (!made.empty()) return {made.Id(0, 0), true, row.owner, row.visibility, true};
  if (auto agent = LockAgent(row.slug, row.owner)) return *agent;
  pg::Raise("40001", "agent \"" + row.slug + "\" was dropped by another transaction; try again");
}

void UpdateAgent(const Uuid& id, const AgentRow& row) {
  pg::Execute(kUpdate, {id, std::string_view(row.name), std::string_view(row.description),
                        std::string_view(row.visibility)});
}

AddedVersion AddDraft(const Uuid& agent_id, const std::string& version, const std::string& manifest,
                      const std::string& changelog, Uuid* version_id) {
  const pg::Rows added = pg::Execute(kAddVersion, {agent_id, std::string_view(version),
                                                   std::string_view(manifest), std::string_view(changelog)});
  if (!added.empty()) {
    *version_id = added.Id(0, 0);
    return AddedVersion::kAdded;
  }
  const pg::Rows there =
      pg::Execute(kCompare, {agent_id, std::string_view(version), std::string_view(manifest)});
  if (there.empty()) pg::Raise("40001", "the version was added by another transaction; try again");
  *version_id = there.Id(0, 0);
  if (there.Bool(0, 1)) return AddedVersion::kSame;
  const pg::Rows changed =
      pg::Execute(kChangeDraft, {*version_id, std::string_view(manifest), std::string_view(changelog)});
  return changed.processed() > 0 ? AddedVersion::kDraftChanged : AddedVersion::kDiffers;
}

std::vector<std::string> PublishedVersions(const Uuid& agent_id) {
  const pg::Rows rows = pg::Execute(kPublishedVersions, {agent_id});
  std::vector<std::string> versions;
  for (size_t i = 0; i < rows.size(); ++i) versions.push_back(rows.String(i, 0));
  return versions;
}

bool MarkPublished(const Uuid& version_id, const std::optional<Uuid>& test_run) {
  return pg::Execute(kMarkPublished, {version_id, pg::Maybe(test_run)}).processed() > 0;
}

bool ArchiveVersion(const Uuid& version_id) { return pg::Execute(kArchive, {version_id}).processed() > 0; }

std::vector<LabelMove> LabelMoves(const Uuid& agent_id) {
  const pg::Rows rows = pg::Execute(kLabelMoves, {agent_id});
  std::vector<LabelMove> moves;
  for (size_t i = 0; i < rows.size(); ++i) {
    LabelMove& move = moves.emplace_back();
    if (!rows.IsNull(i, 0)) move.version_id = rows.Id(i, 0);
    move.cause = rows.String(i, 1);
    move.published = rows.Bool(i, 2);
  }
  return moves;
}

void MoveLabel(const Uuid& agent_id, const std::optional<Uuid>& version_id, const char* cause, pg::Oid role) {
  pg::Execute(kMoveLabel, {agent_id, pg::Maybe(version_id), std::string_view(cause), int64_t{role}});
}

}  // namespace capeai::store
