// Agents and their versions, as rows. What a manifest means is agent/'s. All
// statements run as the extension's owner.
#pragma once

#include <optional>
#include <string>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

struct AgentVersion {
  Uuid agent_id;
  Uuid version_id;
  std::string version;
  std::string status;                // draft, published, archived
  bool shipped = false;              // comes with the extension
  bool owned = false;                // by the role that asked
  bool visible = false;              // to that role, by ownership or visibility
  std::optional<Uuid> installation;  // of this database; nothing if it must be renewed first
};

// One version of the agent `slug`: `version`, or without it the one that was
// published last. Nothing if there is none; visibility is for the caller to heed.
std::optional<AgentVersion> FindAgentVersion(const std::string& slug,
                                             const std::optional<std::string>& version, pg::Oid role);

// The manifest's JSON text. Empty if the version is gone.
std::string ReadManifest(const Uuid& version_id);

struct AgentRow {
  std::string slug;
  std::string name;
  std::string description;
  std::string visibility;
  pg::Oid owner;
};

struct StoredAgent {
  Uuid id;
  bool created = false;  // by this call
  bool shipped = false;
  std::optional<pg::Oid> owner;
};
// The agent of that slug, made from `row` if there is none; locked so that two
// sessions adding versions to it come one after the other.
StoredAgent FindOrCreateAgent(const AgentRow& row);
void UpdateAgent(const Uuid& id, const AgentRow& row);

enum class AddedVersion { kAdded, kSame, kDiffers };
// Adds a version unless it is there already; then tells whether its manifest is
// the same as `manifest` (JSON text). `version_id` is that of the row in any case.
AddedVersion AddAgentVersion(const Uuid& agent_id, const std::string& version, const std::string& manifest,
                             const std::string& changelog, bool publish, Uuid* version_id);

// Archives a version; false if it was archived already.
bool ArchiveVersion(const Uuid& version_id);

}  // namespace capeai::store
