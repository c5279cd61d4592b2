// Adding agents and versions, and checking manifests.
#include "agent/agent.hpp"

#include "api/arguments.hpp"
#include "api/publish.hpp"
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
  if (!agent.owner)
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" comes with the extension",
              "Choose another slug for an agent of your own.");
  if (agent.owner != caller.role && !IsAdmin(caller))
    pg::Raise(sqlstate::kInsufficientPrivilege, "agent \"" + slug + "\" belongs to somebody else",
              "Choose another slug.");
}

Uuid Create(const pg::Caller& caller, const Manifest& manifest) {
  const store::StoredAgent agent = store::FindOrCreateAgent(
      {manifest.slug, manifest.name, manifest.description, manifest.visibility, caller.role});
  if (!agent.created) RequireRightTo(caller, agent, manifest.slug);
  Uuid version_id;
  const store::AddedVersion added =
      store::AddDraft(agent.id, manifest.version, manifest.source.Dump(), manifest.changelog, &version_id);
  if (added == store::AddedVersion::kSame) return agent.id;
  if (added == store::AddedVersion::kDiffers)
    pg::Raise(sqlstate::kUniqueViolation,
              "version " + manifest.version + " of agent \"" + manifest.slug + "\" exists with other content",
              "What was published stays as it is: give the new content a new version.");
  RequireGrowth(agent.id, manifest);
  const char* event = agent.created                                 ? "agent_created"
                      : added == store::AddedVersion::kDraftChanged ? "agent_draft_changed"
                                                                    : "agent_version_added";
  const Json data =
      Json::Object().Set("slug", Json::String(manifest.slug)).Set("version", Json::String(manifest.version));
  store::Audit(caller, "", {event, agent.id, std::nullopt, data.Dump()});
  if (manifest.status == "published" && !manifest.has_tests)
    Publish(caller, agent.id, version_id, manifest, std::nullopt);
  return agent.id;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_create_agent) {
  api::RequirePrimary("create agents");
  const pg::Caller caller = pg::CurrentCaller();
  const Manifest manifest = api::RequireValid(api::ManifestArg(fcinfo));
  api::RequireVisibilityRight(caller, manifest);
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
