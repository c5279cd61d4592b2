// What people see of agents before they call them, and say of them afterwards:
// capeai_agents and capeai_feedback.
#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "pg/settings.hpp"
#include "policy/task_state.hpp"
#include "store/audit.hpp"
#include "store/catalogue.hpp"
#include "store/tasks.hpp"

namespace capeai::api {
namespace {

constexpr size_t kMaxCorrectedChars = 100000;

// Not an administrator's either: it is the word of who asked.
void RequireOwnEndedTask(const pg::Caller& caller, const Uuid& id) {
  const auto task = store::FindOwner(id);
  if (!task) pg::Raise(sqlstate::kUndefinedObject, "task " + id.ToString() + " does not exist");
  const bool own = task->owner == caller.role &&
                   (!pg::settings::RequireUserId() || task->user_id == ResolveUserId(std::nullopt));
  if (!own) pg::Raise(sqlstate::kInsufficientPrivilege, "task " + id.ToString() + " is not yours");
  const auto state = ParseTaskState(task->status);
  if (!state || !IsTerminal(*state))
    pg::Raise(sqlstate::kNotInPrerequisiteState, "task " + id.ToString() + " has not ended",
              "Wait for its answer with capeai_wait().");
}

store::Feedback ReadFeedback(FunctionCallInfo fcinfo) {
  store::Feedback feedback;
  feedback.task_id = RequiredUuid(fcinfo, 0, "task_id");
  feedback.rating = pg::IntArg(fcinfo, 1).value_or(0);
  if (feedback.rating < 1 || feedback.rating > 5)
    pg::Raise(sqlstate::kInvalidParameter, "rating must be from 1 (bad) to 5 (good)");
  feedback.comment = LimitedText(fcinfo, 2, "comment", kMaxDescriptionChars);
  feedback.corrected = LimitedText(fcinfo, 3, "corrected", kMaxCorrectedChars);
  return feedback;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_feedback) {
  api::RequirePrimary("give feedback");
  const store::Feedback feedback = api::ReadFeedback(fcinfo);
  const pg::Caller caller = pg::CurrentCaller();
  const std::string user_id = api::ResolveUserId(std::nullopt);
  const pg::AsExtensionOwner as_owner;
  api::RequireOwnEndedTask(caller, feedback.task_id);
  store::SaveFeedback(feedback);
  const Json data = Json::Object().Set("rating", Json::Int(feedback.rating));
  store::Audit(caller, user_id, {"feedback", std::nullopt, feedback.task_id, data.Dump()});
  return 0;
}

CAPEAI_FUNCTION(capeai_agents) {
  const std::string search = api::LimitedText(fcinfo, 0, "search", api::kMaxNameChars).value_or("");
  const pg::Caller caller = pg::CurrentCaller();
  std::vector<store::CatalogueRow> catalogue;
  {
    const pg::AsExtensionOwner as_owner;
    catalogue = store::Catalogue(caller.role, api::IsAdmin(caller), search);
  }
  pg::RowSet rows(fcinfo);
  for (const store::CatalogueRow& row : catalogue) rows.Add(row);
  return 0;
}
