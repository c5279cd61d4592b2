#include "store/agents.hpp"

#include "pg/guard.hpp"
#include "pg/session.hpp"

namespace capeai::store {
namespace {

using pg::Type;

const pg::Statement kFind{
    "SELECT a.id, v.id, v.version, v.status, a.owner IS NULL, a.owner = $3,"
    " CASE WHEN a.owner = $3 THEN true"
    "      WHEN a.visibility = 'public' THEN true"
    "      WHEN a.visibility = 'role' THEN pg_has_role($3, a.owner, 'USAGE') END,"
    " i.id"
    " FROM capeai.agents AS a"
    " JOIN capeai.agent_versions AS v ON v.agent_id = a.id"
    " LEFT JOIN capeai.installation AS i ON i.system_identifier = $4 AND i.database_oid = $5"
    " WHERE a.slug = $1 AND (v.version = $2 OR $2 IS NULL AND v.status = 'published')"
    " ORDER BY v.published_at DESC NULLS LAST LIMIT 1",
    {Type::kText, Type::kText, Type::kOid, Type::kInt8, Type::kOid}};

const pg::Statement kManifest{"SELECT manifest FROM capeai.agent_versions WHERE id = $1", {Type::kUuid}};

const pg::Statement kCreate{
    "INSERT INTO capeai.agents (slug, name, description, visibility, owner) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (slug) DO NOTHING RETURNING id",
    {Type::kText, Type::kText, Type::kText, Type::kText, Type::kOid}};

const pg::Statement kLock{"SELECT id, owner FROM capeai.agents WHERE slug = $1 FOR NO KEY UPDATE",
                          {Type::kText}};

const pg::Statement kUpdate{
    "UPDATE capeai.agents SET name = $2, description = $3, visibility = $4 WHERE id = $1"
    " AND (name, description, visibility) IS DISTINCT FROM ($2, $3, $4)",
    {Type::kUuid, Type::kText, Type::kText, Type::kText}};

const pg::Statement kAddVersion{
    "INSERT INTO capeai.agent_versions (agent_id, version, manifest, changelog, status, published_at)"
    " VALUES ($1, $2, $3, $4, CASE WHEN $5 THEN 'published' ELSE 'draft' END,"
    " CASE WHEN $5 THEN clock_timestamp() END)"
    " ON CONFLICT (agent_id, version) DO NOTHING RETURNING id",
    {Type::kUuid, Type::kText, Type::kJsonb, Type::kText, Type::kBool}};

const pg::Statement kCompare{
    "SELECT id, manifest = $3 FROM capeai.agent_versions WHERE agent_id = $1 AND version = $2",
    {Type::kUuid, Type::kText, Type::kJsonb}};

const pg::Statement kArchive{
    "UPDATE capeai.agent_versions SET status = 'archived' WHERE id = $1 AND status <> 'archived'",
    {Type::kUuid}};

}  // namespace

std::optional<AgentVersion> FindAgentVersion(const std::string& slug,
                                             const std::optional<std::string>& version, pg::Oid role) {
  const pg::Rows rows = pg::Execute(kFind, {std::string_view(slug), pg::Maybe(version), int64_t{role},
                                            pg::SystemIdentifier(), int64_t{pg::DatabaseOid()}});
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
  return found;
}

std::string ReadManifest(const Uuid& version_id) {
  const pg::Rows rows = pg::Execute(kManifest, {version_id});
  return rows.empty() ? std::string() : rows.String(0, 0);
}

StoredAgent FindOrCreateAgent(const AgentRow& row) {
  StoredAgent agent;
  const pg::Rows made = pg::Execute(
      kCreate, {std::string_view(row.slug), std::string_view(row.name), std::string_view(row.description),
                std::string_view(row.visibility), int64_t{row.owner}});
  if (!made.empty()) {
    agent.id = made.Id(0, 0);
    agent.created = true;
    agent.owner = row.owner;
    return agent;
  }
  const pg::Rows found = pg::Execute(kLock, {std::string_view(row.slug)});
  if (found.empty())
    pg::Raise("40001", "agent \"" + row.slug + "\" was dropped by another transaction; try again");
  agent.id = found.Id(0, 0);
  agent.shipped = found.IsNull(0, 1);
  if (!agent.shipped) agent.owner = static_cast<pg::Oid>(found.Int(0, 1));
  return agent;
}

void UpdateAgent(const Uuid& id, const AgentRow& row) {
  pg::Execute(kUpdate, {id, std::string_view(row.name), std::string_view(row.description),
                        std::string_view(row.visibility)});
}

AddedVersion AddAgentVersion(const Uuid& agent_id, const std::string& version, const std::string& manifest,
                             const std::string& changelog, bool publish, Uuid* version_id) {
  const pg::Rows added =
      pg::Execute(kAddVersion, {agent_id, std::string_view(version), std::string_view(manifest),
                                std::string_view(changelog), publish});
  if (!added.empty()) {
    *version_id = added.Id(0, 0);
    return AddedVersion::kAdded;
  }
  const pg::Rows there =
      pg::Execute(kCompare, {agent_id, std::string_view(version), std::string_view(manifest)});
  if (there.empty()) pg::Raise("40001", "the version was added by another transaction; try again");
  *version_id = there.Id(0, 0);
  return there.Bool(0, 1) ? AddedVersion::kSame : AddedVersion::kDiffers;
}

bool ArchiveVersion(const Uuid& version_id) { return pg::Execute(kArchive, {version_id}).processed() > 0; }

}  // namespace capeai::store
