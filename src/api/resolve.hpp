// What a submit or an ask resolves before anything is stored: the agent, on whose
// behalf, with which model. Raises the errors of DESIGN's table.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/agent.hpp"
#include "pg/session.hpp"

namespace capeai::api {

struct ResolvedAgent {
  Uuid agent_id;
  Uuid version_id;
  Uuid installation;
  std::shared_ptr<const Manifest> manifest;  // parsed once in each backend
};

// `name` is a slug (the version published last) or slug@version. Call it as the
// extension's owner; what `caller` may not see is unknown to it (42704).
ResolvedAgent ResolveAgent(const pg::Caller& caller, const std::string& name);

// The argument user_id, or the setting capeai.user_id; empty: none. 42501 where
// capeai.require_user_id is on and they do not allow it.
std::string ResolveUserId(const std::optional<std::string>& given);

// The model: as given, or the agent's own, or the caller's setting.
std::string ResolveModel(const std::optional<std::string>& given, const Manifest& manifest);

// capeai.temperature and capeai.max_tokens where set, as a JSON object.
Json ResolveOptions();

// Raises 22023 unless the agent takes `input`; `where` begins the DETAIL.
void CheckInput(const Manifest& manifest, const Json& input, const std::string& where);
// The conversation that `input` names, if the agent knows of conversations.
std::optional<Uuid> ConversationOf(const Manifest& manifest, const Json& input, const std::string& where);

// `input` as it is stored and sent: with what the agent masks masked.
Json MaskInput(const Manifest& manifest, const Json& input);

// Raises 0A000 if the agent's answers cannot be streamed.
void CheckStreamable(const Manifest& manifest);

bool IsAdmin(const pg::Caller& caller);

// Raises 25006 during recovery; `what` completes "cannot ...".
void RequirePrimary(const char* what);

}  // namespace capeai::api
