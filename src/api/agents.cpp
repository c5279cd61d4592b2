// Adding, checking and archiving agents.
#include "agent/agent.hpp"

#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "store/agents.hpp"
#include "store/audit.hpp"

namespace capeai::api {
namespace {

constexpr size_t kMaxManifestBytes = 1 << 20;
constexpr size_t kProblemsShown = 5;

Json ManifestArg(FunctionCallInfo fcinfo) {
  if (pg::ArgBytes(fcinfo, 0) > kMaxManifestBytes)
    pg::Raise(sqlstate::kInvalidParameter, "manifest must not be larger than 1 MB");
  return RequiredObject(fcinfo, 0, "manifest");
}

Manifest RequireValid(const Json& source) {
  auto parsed = ParseManifest(source);
  if (auto* manifest = std::get_if<Manifest>(&parsed)) return std::move(*manifest);
  std::string detail;
  const auto& problems = std::get<std::vector<ManifestProblem>>(parsed);
  for (size_t i = 0; i < problems.size() && i < kProblemsShown; ++i)
    detail += (detail.empty() ? "" : "\n") + (problems[i].pointer.empty() ? "/" : problems[i].pointer) +
              ": " + problems[i].problem;
  pg::Raise(sqlstate::kInvalidParameter, "manifest is not valid",
            "capeai_validate_agent() lists everything that is wrong with it.", detail);
}

// Whether the caller may add a version to the agent, or change what it shows.
void RequireRightTo(const pg::Caller& caller, const store::StoredAgent& agent, const std::string& slug) {
  if (agent.shipped)
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" comes with the extension",
              "Choose another slug for an agent of your own.");
  if (agent.owner != caller.role && !IsAdmin(caller))
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" belongs to somebody else",
              "Choose another slug.");
}

Uuid Create(const pg::Caller& caller, const Manifest& manifest) {
  const store::AgentRow row{manifest.slug, manifest.name, manifest.description, manifest.visibility,
                            caller.role};
  const store::StoredAgent agent = store::FindOrCreateAgent(row);
  if (!agent.created) RequireRightTo(caller, agent, manifest.slug);
  const bool publish = manifest.status == "published" && !manifest.has_tests;
  Uuid version_id;
  const store::AddedVersion added = store::AddAgentVersion(agent.id, manifest.version, manifest.source.Dump(),
                                                           manifest.changelog, publish, &version_id);
  if (added == store::AddedVersion::kSame) return agent.id;
  if (added == store::AddedVersion::kDiffers)
    pg::Raise(sqlstate::kUniqueViolation,
              "version " + manifest.version + " of agent \"" + manifest.slug + "\" exists with other content",
              "Versions never change: give the new content a new version.");
  if (!agent.created && publish) store::UpdateAgent(agent.id, row);
  const Json data = Json::Object()
                        .Set("slug", Json::String(manifest.slug))
                        .Set("version", Json::String(manifest.version))
                        .Set("status", Json::String(publish ? "published" : "draft"));
  store::Audit(
      caller, "",
      {agent.created ? "agent_created" : "agent_version_added", agent.id, std::nullopt, data.Dump()});
  return agent.id;
}

bool Archive(const pg::Caller& caller, const std::string& slug, const std::string& version) {
  const auto found = store::FindAgentVersion(slug, version, caller.role);
  const bool admin = IsAdmin(caller);
  if (!found || !(found->visible || admin))
    pg::Raise(sqlstate::kUndefinedObject, "agent \"" + slug + "@" + version + "\" does not exist");
  if (!found->owned && !admin)
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" is not yours");
  if (!store::ArchiveVersion(found->version_id)) return false;
  const Json data = Json::Object().Set("slug", Json::String(slug)).Set("version", Json::String(version));
  store::Audit(caller, "", {"agent_archived", found->agent_id, std::nullopt, data.Dump()});
  return true;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_create_agent) {
  api::RequirePrimary("create agents");
  const pg::Caller caller = pg::CurrentCaller();
  const Manifest manifest = api::RequireValid(api::ManifestArg(fcinfo));
  if (manifest.visibility != "private" && !api::IsAdmin(caller))
    pg::Raise(sqlstate::kInsufficientPrivilege,
              "only capeai_admin may create agents with visibility \"" + manifest.visibility + "\"",
              "Use \"visibility\": \"private\", or have an administrator create the agent.");
  const pg::AsExtensionOwner as_owner;
  return pg::UuidResult(api::Create(caller, manifest));
}

CAPEAI_FUNCTION(capeai_validate_agent) {
  const auto parsed = ParseManifest(api::ManifestArg(fcinfo));
  pg::RowSet rows(fcinfo);
  if (const auto* problems = std::get_if<std::vector<ManifestProblem>>(&parsed))
    for (const ManifestProblem& problem : *problems) rows.Add({problem.pointer, problem.problem});
  return 0;
}

CAPEAI_FUNCTION(capeai_archive_agent) {
  api::RequirePrimary("archive agents");
  const std::string slug = api::RequiredText(fcinfo, 0, "slug", api::kMaxNameChars);
  const std::string version = api::RequiredText(fcinfo, 1, "version", api::kMaxNameChars);
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  return BoolGetDatum(api::Archive(caller, slug, version));
}
