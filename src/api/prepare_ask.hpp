// From the arguments of the ask family to a request for the worker: resolves the
// agent and the caller, makes and checks the input, and searches, here, as the
// caller.
#pragma once

#include <optional>
#include <string>

#include "agent/ask.hpp"
#include "pg/function.hpp"

namespace capeai::api {

// The common arguments, as given. Their SQL defaults count as not given.
struct AskArguments {
  std::string query;
  Json context;
  std::string user_level;
  std::string preferred_format;
  std::string agent;
  std::optional<std::string> model;
  std::optional<Uuid> conversation;
  std::optional<std::string> user_id;
  Duration timeout{};
};

// Reads the arguments from `first` on (query or queries excluded: `query` comes
// from the caller). Raises 22023 for what is malformed.
AskArguments ReadAskArguments(FunctionCallInfo fcinfo, int first);

// Everything that can be refused is refused here, before the worker hears of it.
AskRequest PrepareAsk(const AskArguments& arguments, bool stream);

// Raises 25006 on a standby, 55000 when no worker serves this database.
void RequireWorker(const char* what);

}  // namespace capeai::api
