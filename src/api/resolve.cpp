#include "api/resolve.hpp"

#include <unordered_map>

#include "api/arguments.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"
#include "store/agents.hpp"
#include "store/installation.hpp"

namespace capeai::api {
namespace {

constexpr size_t kMaxCached = 64;

[[noreturn]] void RaiseUnknown(const std::string& name) {
  pg::Raise(sqlstate::kUndefinedObject, "agent \"" + name + "\" does not exist, or is not published",
            "The table capeai.agents lists the agents that you may use.");
}

// By content, so that nothing here grows stale. Lives as long as the process.
std::shared_ptr<const Manifest> CachedManifest(const store::AgentVersion& version, const std::string& name) {
  static auto* cache = new std::unordered_map<std::string, std::shared_ptr<const Manifest>>;
  if (const auto found = cache->find(version.content_hash); found != cache->end()) return found->second;
  auto parsed = ParseManifest(Json::Parse(store::ReadManifest(version.version_id)));
  if (const auto* problems = std::get_if<std::vector<ManifestProblem>>(&parsed))
    pg::Raise(sqlstate::kNotInPrerequisiteState, "the manifest of agent \"" + name + "\" cannot be used",
              "Add a corrected version with capeai_create_agent().",
              problems->empty() ? "" : problems->front().pointer + ": " + problems->front().problem + ".");
  if (cache->size() >= kMaxCached) cache->clear();
  return (*cache)[version.content_hash] =
             std::make_shared<const Manifest>(std::move(std::get<Manifest>(parsed)));
}

bool MaySee(const pg::Caller& caller, const store::AgentVersion& version) {
  if (version.owned) return true;
  if (version.status == "draft") return false;
  return version.visible || IsAdmin(caller);
}

bool NamesConversation(const Manifest& manifest) {
  return manifest.input_schema && manifest.input_schema->source()["properties"]["conversation"];
}

}  // namespace

ResolvedAgent ResolveAgent(const pg::Caller& caller, const std::string& name) {
  const size_t at = name.find('@');
  const std::string slug = name.substr(0, at);
  std::optional<std::string> version;
  if (at != std::string::npos) version = name.substr(at + 1);
  const auto found = store::FindAgentVersion(slug, version, caller.role);
  if (!found || !MaySee(caller, *found)) RaiseUnknown(name);
  if (found->status == "archived")
    pg::Raise(sqlstate::kNotInPrerequisiteState, "agent \"" + name + "\" is archived",
              "Name another version, or \"" + slug + "\" for the one that is published.");
  ResolvedAgent agent;
  agent.agent_id = found->agent_id;
  agent.version_id = found->version_id;
  agent.installation = found->installation ? *found->installation : store::CurrentInstallation();
  agent.manifest = CachedManifest(*found, name);
  return agent;
}

std::string ResolveUserId(const std::optional<std::string>& given) {
  const std::string set = pg::settings::UserId();
  if (given && given->size() > kMaxUserIdBytes)
    pg::Raise(sqlstate::kInvalidParameter, "user_id must not be longer than 255 bytes");
  if (!pg::settings::RequireUserId()) return given ? *given : set;
  if (set.empty())
    pg::Raise(sqlstate::kInsufficientPrivilege, "capeai.user_id is not set",
              "capeai.require_user_id is on: SET capeai.user_id to the user on whose behalf you work.");
  if (given && *given != set)
    pg::Raise(sqlstate::kInsufficientPrivilege, "user_id differs from capeai.user_id",
              "capeai.require_user_id is on: leave out the argument, or SET capeai.user_id.");
  return set;
}

std::string ResolveModel(const std::optional<std::string>& given, const Manifest& manifest) {
  if (given) {
    for (const char c : *given)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        pg::Raise(sqlstate::kInvalidParameter, "model must not contain control characters");
    if (given->empty()) pg::Raise(sqlstate::kInvalidParameter, "model must not be empty");
    return *given;
  }
  return manifest.model.empty() ? pg::settings::Model() : manifest.model;
}

Json ResolveOptions() {
  Json options = Json::Object();
  if (const auto t = pg::settings::Temperature()) options.Set("temperature", Json::Real(*t));
  if (const auto n = pg::settings::MaxTokens()) options.Set("max_tokens", Json::Int(*n));
  return options;
}

void CheckInput(const Manifest& manifest, const Json& input, const std::string& where) {
  if (!manifest.input_schema) return;
  const auto problems = manifest.input_schema->Validate(input);
  if (problems.empty()) return;
  const SchemaProblem& first = problems.front();
  pg::Raise(sqlstate::kInvalidParameter, "agent \"" + manifest.slug + "\" does not take this input",
            "The agent's input_schema is in its manifest, in capeai.agent_versions.",
            where + (first.pointer.empty() ? "" : first.pointer + ": ") + first.problem + ".");
}

std::optional<Uuid> ConversationOf(const Manifest& manifest, const Json& input, const std::string& where) {
  const Json member = input["conversation"];
  if (!member || member.is_null() || !NamesConversation(manifest)) return std::nullopt;
  const std::optional<Uuid> id = Uuid::Parse(member.string_or(""));
  if (!id)
    pg::Raise(sqlstate::kInvalidParameter, "conversation must be a uuid", "", where + "/conversation.");
  return id;
}

Json MaskInput(const Manifest& manifest, const Json& input) {
  if (manifest.redact_input.empty()) return input;
  Json masked = manifest.redact_input.Mask(input);
  // Names a conversation, whatever its digits look like.
  if (input["conversation"] && NamesConversation(manifest)) masked.Set("conversation", input["conversation"]);
  return masked;
}

void CheckStreamable(const Manifest& manifest) {
  if (!manifest.redact_output.empty())
    pg::Raise(sqlstate::kFeatureNotSupported, "agent \"" + manifest.slug + "\" cannot stream its answers",
              "It masks parts of them, so they must be complete before they are shown.");
  if (manifest.unsupported_policy != UnsupportedPolicy::kRefuse) return;
  pg::Raise(
      sqlstate::kFeatureNotSupported, "agent \"" + manifest.slug + "\" cannot stream its answers",
      "It refuses answers that its sources do not support, so they must be complete before they are shown.");
}

bool IsAdmin(const pg::Caller& caller) {
  return caller.superuser || pg::IsMember(caller.role, "capeai_admin");
}

void RequirePrimary(const char* what) {
  if (pg::InRecovery())
    pg::Raise("25006", std::string("cannot ") + what + " during recovery", "Connect to the primary server.");
}

}  // namespace capeai::api
