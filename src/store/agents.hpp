// Agents and their versions, as rows. What a manifest means is agent/'s. All
// statements run as the extension's owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

struct AgentVersion {
  Uuid agent_id;
  Uuid version_id;
  std::string version;
  std::string status;                // draft, published, archived
  std::string content_hash;          // in hexadecimal digits
  bool shipped = false;              // comes with the extension
  bool owned = false;                // by the role that asked
  bool visible = false;              // to that role, by ownership or visibility
  std::optional<Uuid> installation;  // of this database; nothing if it must be renewed first
};

// One version of the agent `slug`: `version`, or without it the one that the slug
// means. Nothing if there is none; visibility is for the caller to heed.
std::optional<AgentVersion> FindAgentVersion(const std::string& slug,
                                             const std::optional<std::string>& version, pg::Oid role);

// The manifest's JSON text. Empty if the version is gone. Raises XX001 if it is not the one
// that content_hash was made of.
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
  bool created = false;          // by this call
  std::optional<pg::Oid> owner;  // nobody: it comes with the extension
  std::string visibility;
  bool visible = false;  // to the role that asked
};
// The agent of that slug, locked so that two sessions adding or publishing
// versions of it come one after the other.
std::optional<StoredAgent> LockAgent(const std::string& slug, pg::Oid role);
// The same, made from `row` if there is none.
StoredAgent FindOrCreateAgent(const AgentRow& row);
void UpdateAgent(const Uuid& id, const AgentRow& row);

enum class AddedVersion { kAdded, kSame, kDraftChanged, kDiffers };
// Adds a version as a draft, or gives the draft that is there this content.
// kDiffers: it was published with other content. `version_id` is that of the row in any case.
AddedVersion AddDraft(const Uuid& agent_id, const std::string& version, const std::string& manifest,
                      const std::string& changelog, Uuid* version_id);

// The versions of the agent that were ever published.
std::vector<std::string> PublishedVersions(const Uuid& agent_id);

// Marks a draft as published because of that test run; false if it is none.
bool MarkPublished(const Uuid& version_id, const std::optional<Uuid>& test_run);
// Archives a version; false if it was archived already.
bool ArchiveVersion(const Uuid& version_id);

// What the slug has meant, oldest first.
struct LabelMove {
  std::optional<Uuid> version_id;  // nothing: no version
  std::string cause;               // published, rolled back, archived
  bool published = false;          // the version still is
};
std::vector<LabelMove> LabelMoves(const Uuid& agent_id);
// Lets the slug mean another version, or none.
void MoveLabel(const Uuid& agent_id, const std::optional<Uuid>& version_id, const char* cause, pg::Oid role);

}  // namespace capeai::store
