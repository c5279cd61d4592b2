// From the arguments of the ask family to a request for the worker: resolves the
// agent and the caller, makes and checks the input, and searches, here, as the
// caller.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ask.hpp"
#include "api/resolve.hpp"
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

// Asks that differ in their query only.
class AskTemplate {
 public:
  // Refuses what is wrong with the arguments besides the query.
  AskTemplate(const AskArguments& arguments, bool stream);

  // The request, in two parts. The first raises 22023 for a query that is bad in itself; `searching` says
  // whether there is to be a second, which raises what the search raises. With `isolated` the search runs in
  // a subtransaction, so that its error may be caught.
  AskRequest Begin(const std::string& query) const;
  AskFound Find(const AskRequest& request, bool isolated = false) const;
  // Both.
  AskRequest Prepare(const std::string& query, bool isolated = false) const;

 private:
  void TakeHistory(const Uuid& conversation);

  const AskArguments arguments_;
  ResolvedAgent agent_;
  std::vector<Turn> history_;
  AskRequest request_;  // all that does not depend on the query
};

// All of a request. Everything that can be refused is refused here, before the worker hears of it.
AskRequest PrepareAsk(const AskArguments& arguments, bool stream);

// A request of kind `kind` to the agent `chat` in the name of the caller, with no
// input yet: for calls of the model that are no questions.
AskRequest PrepareRawCall(AskRequest::Kind kind, const std::optional<std::string>& model);

// Raises 25006 on a standby, 55000 when no worker serves this database.
void RequireWorker(const char* what);

}  // namespace capeai::api
