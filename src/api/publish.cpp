// Publishing, archiving, rolling back.
#include "api/publish.hpp"

#include "agent/semver.hpp"
#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "store/agent_tests.hpp"
#include "store/audit.hpp"

namespace capeai::api {
namespace {

// The agent, locked, for its owner or an administrator. What the caller may not see is unknown to them.
store::StoredAgent RequireOwnAgent(const pg::Caller& caller, const std::string& slug) {
  const auto agent = store::LockAgent(slug, caller.role);
  const bool admin = IsAdmin(caller);
  if (!agent || !(agent->visible || admin))
    pg::Raise(sqlstate::kUndefinedObject, "agent \"" + slug + "\" does not exist");
  if (agent->owner != caller.role && !admin)
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" is not yours");
  return *agent;
}

store::AgentVersion RequireVersion(const pg::Caller& caller, const std::string& slug,
                                   const std::string& version) {
  const auto found = store::FindAgentVersion(slug, version, caller.role);
  if (!found) pg::Raise(sqlstate::kUndefinedObject, "agent \"" + slug + "@" + version + "\" does not exist");
  return *found;
}

// The run that lets the version be published; nothing if it has no tests, or is forced.
std::optional<Uuid> RequirePassedTests(const pg::Caller& caller, const store::AgentVersion& draft,
                                       const Manifest& manifest, bool force) {
  if (!manifest.has_tests) return std::nullopt;
  const auto passed = store::PassedTestRun(draft.version_id, draft.content_hash);
  if (passed) return passed;
  if (!force)
    pg::Raise(sqlstate::kNotInPrerequisiteState,
              "version " + manifest.version + " of agent \"" + manifest.slug + "\" has not passed its tests",
              "Run capeai_test_agent('" + manifest.slug + "', '" + manifest.version + "').");
  if (!IsAdmin(caller))
    pg::Raise(sqlstate::kInsufficientPrivilege,
              "only capeai_admin may publish a version that has not passed its tests");
  return std::nullopt;
}

bool PublishDraft(const pg::Caller& caller, const std::string& slug, const std::string& version, bool force) {
  const store::StoredAgent agent = RequireOwnAgent(caller, slug);
  const store::AgentVersion draft = RequireVersion(caller, slug, version);
  if (draft.status == "published") return false;
  if (draft.status == "archived")
    pg::Raise(sqlstate::kNotInPrerequisiteState, "agent \"" + slug + "@" + version + "\" is archived",
              "Add its content as a higher version.");
  const Manifest manifest = ManifestOf(draft.version_id);
  RequireVisibilityRight(caller, manifest);
  const auto test_run = RequirePassedTests(caller, draft, manifest, force);
  Publish(caller, agent.id, draft.version_id, manifest, test_run);
  return true;
}

// What the slug meant before it meant what it means: publishing puts a version on top, rolling back and
// archiving take versions off.
std::optional<Uuid> PreviousMeaning(const std::vector<store::LabelMove>& moves) {
  std::vector<store::LabelMove> stack;
  for (const store::LabelMove& move : moves) {
    if (move.cause == "published")
      stack.push_back(move);
    else
      while (!stack.empty() && stack.back().version_id != move.version_id) stack.pop_back();
  }
  if (!stack.empty()) stack.pop_back();
  while (!stack.empty() && !stack.back().published) stack.pop_back();
  return stack.empty() ? std::nullopt : stack.back().version_id;
}

// The slug means an earlier version, or none. The agent is shown by that version's name again; who
// may see it stays as it is.
std::string MoveBack(const pg::Caller& caller, const std::string& slug, const store::StoredAgent& agent,
                     const std::optional<Uuid>& version_id, const char* cause) {
  store::MoveLabel(agent.id, version_id, cause, caller.role);
  if (!version_id) return {};
  const Manifest manifest = ManifestOf(*version_id);
  store::UpdateAgent(agent.id, {slug, manifest.name, manifest.description, agent.visibility, caller.role});
  return manifest.version;
}

std::string Rollback(const pg::Caller& caller, const std::string& slug) {
  const store::StoredAgent agent = RequireOwnAgent(caller, slug);
  const auto present = store::FindAgentVersion(slug, std::nullopt, caller.role);
  const auto previous = PreviousMeaning(store::LabelMoves(agent.id));
  if (!present || !previous)
    pg::Raise(sqlstate::kNotInPrerequisiteState,
              "agent \"" + slug + "\" has no earlier version to go back to",
              "capeai.agent_label_moves has the history of the slug.");
  const std::string version = MoveBack(caller, slug, agent, previous, "rolled back");
  const Json data = Json::Object()
                        .Set("slug", Json::String(slug))
                        .Set("from", Json::String(present->version))
                        .Set("to", Json::String(version));
  store::Audit(caller, "", {"agent_rolled_back", agent.id, std::nullopt, data.Dump()});
  return version;
}

bool Archive(const pg::Caller& caller, const std::string& slug, const std::string& version) {
  const store::StoredAgent agent = RequireOwnAgent(caller, slug);
  const store::AgentVersion found = RequireVersion(caller, slug, version);
  const auto present = store::FindAgentVersion(slug, std::nullopt, caller.role);
  if (!store::ArchiveVersion(found.version_id)) return false;
  Json data = Json::Object().Set("slug", Json::String(slug)).Set("version", Json::String(version));
  if (present && present->version_id == found.version_id) {
    const auto previous = PreviousMeaning(store::LabelMoves(agent.id));
    const std::string now = MoveBack(caller, slug, agent, previous, "archived");
    data.Set("published", now.empty() ? Json::Null() : Json::String(now));
  }
  store::Audit(caller, "", {"agent_archived", agent.id, std::nullopt, data.Dump()});
  return true;
}

}  // namespace

Manifest ManifestOf(const Uuid& version_id) {
  auto parsed = ParseManifest(Json::Parse(store::ReadManifest(version_id)));
  if (auto* manifest = std::get_if<Manifest>(&parsed)) return std::move(*manifest);
  pg::Raise(sqlstate::kNotInPrerequisiteState, "the version's manifest cannot be used",
            "Add a corrected version with capeai_create_agent().");
}

void RequireVisibilityRight(const pg::Caller& caller, const Manifest& manifest) {
  if (manifest.visibility == "private" || IsAdmin(caller)) return;
  pg::Raise(sqlstate::kInsufficientPrivilege,
            "only capeai_admin may create agents with visibility \"" + manifest.visibility + "\"",
            "Use \"visibility\": \"private\", or have an administrator create the agent.");
}

void RequireGrowth(const Uuid& agent_id, const Manifest& manifest) {
  for (const std::string& earlier : store::PublishedVersions(agent_id))
    if (CompareVersions(manifest.version, earlier) <= 0)
      pg::Raise(
          sqlstate::kInvalidParameter,
          "version " + manifest.version + " of agent \"" + manifest.slug + "\" is not higher than " + earlier,
          "Versions grow: raise \"version\" in the manifest.");
}

void Publish(const pg::Caller& caller, const Uuid& agent_id, const Uuid& version_id, const Manifest& manifest,
             const std::optional<Uuid>& test_run) {
  RequireGrowth(agent_id, manifest);
  store::MarkPublished(version_id, test_run);
  store::MoveLabel(agent_id, version_id, "published", caller.role);
  store::UpdateAgent(agent_id,
                     {manifest.slug, manifest.name, manifest.description, manifest.visibility, caller.role});
  Json data =
      Json::Object().Set("slug", Json::String(manifest.slug)).Set("version", Json::String(manifest.version));
  if (test_run) data.Set("test_run", Json::String(test_run->ToString()));
  if (manifest.has_tests && !test_run) data.Set("forced", Json::Bool(true));
  store::Audit(caller, "", {"agent_published", agent_id, std::nullopt, data.Dump()});
}

}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_publish_agent) {
  api::RequirePrimary("publish agents");
  const std::string slug = api::RequiredText(fcinfo, 0, "slug", api::kMaxNameChars);
  const std::string version = api::RequiredText(fcinfo, 1, "version", api::kMaxNameChars);
  const bool force = pg::BoolArg(fcinfo, 2).value_or(false);
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return BoolGetDatum(api::PublishDraft(caller, slug, version, force));
}

CAPEAI_FUNCTION(capeai_archive_agent) {
  api::RequirePrimary("archive agents");
  const std::string slug = api::RequiredText(fcinfo, 0, "slug", api::kMaxNameChars);
  const std::string version = api::RequiredText(fcinfo, 1, "version", api::kMaxNameChars);
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return BoolGetDatum(api::Archive(caller, slug, version));
}

CAPEAI_FUNCTION(capeai_rollback_agent) {
  api::RequirePrimary("roll agents back");
  const std::string slug = api::RequiredText(fcinfo, 0, "slug", api::kMaxNameChars);
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return pg::TextResult(api::Rollback(caller, slug));
}
