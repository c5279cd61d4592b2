// capeai_set_limit, and what a submit checks of the limits.
#include "api/limits.hpp"

#include <cstdlib>

#include "api/arguments.hpp"
#include "api/resolve.hpp"
#include "pg/shared.hpp"
#include "pg/trigger.hpp"
#include "pg/wake.hpp"
#include "policy/limits.hpp"
#include "store/audit.hpp"
#include "store/limits.hpp"

namespace capeai::api {
namespace {

using policy::LimitMetric;
using policy::LimitScope;

struct Limit {
  std::string scope, name, metric;
  std::optional<std::string> value;
};

template <class Names>
std::string List(const Names& names) {
  std::string out;
  for (const auto name : names) (out += out.empty() ? "" : ", ") += name;
  return out;
}

Limit ReadLimit(FunctionCallInfo fcinfo) {
  Limit limit;
  limit.scope = RequiredText(fcinfo, 0, "scope", kMaxNameChars);
  limit.name = LimitedText(fcinfo, 1, "name", kMaxNameChars).value_or("");
  limit.metric = RequiredText(fcinfo, 2, "metric", kMaxNameChars);
  limit.value = pg::TextArg(fcinfo, 3);
  const auto refuse = [](const std::string& message, const std::string& hint) {
    pg::Raise(sqlstate::kInvalidParameter, message, hint);
  };
  const auto scope = policy::ParseLimitScope(limit.scope);
  if (!scope)
    refuse("unknown scope \"" + limit.scope + "\"", "The scopes are " + List(policy::kLimitScopes) + ".");
  const auto metric = policy::ParseLimitMetric(limit.metric);
  if (!metric)
    refuse("unknown metric \"" + limit.metric + "\"", "The metrics are " + List(policy::kLimitMetrics) + ".");
  if (!policy::LimitApplies(*metric, *scope))
    refuse("there is no limit of " + limit.metric + " for scope \"" + limit.scope + "\"",
           "It can be set for the scopes " + policy::LimitScopesOf(*metric) + ".");
  if (*scope == LimitScope::kDefault && !limit.name.empty())
    refuse("scope \"default\" takes no name", "Pass NULL as the name.");
  if (*scope != LimitScope::kDefault && limit.name.empty())
    refuse("name must not be empty", "It is the name of the " + limit.scope + ".");
  if (!limit.value) return limit;
  const std::string problem = policy::LimitValueProblem(*metric, std::strtod(limit.value->c_str(), nullptr));
  if (!problem.empty()) refuse("value " + problem, "NULL removes a limit; 0 lets nothing through.");
  return limit;
}

void RequireNamed(const Limit& limit) {
  // What is gone can still have its limit removed.
  if (!limit.value) return;
  if (limit.scope == "role" && !store::RoleExists(limit.name))
    pg::Raise(sqlstate::kUndefinedObject, "role \"" + limit.name + "\" does not exist");
  if (limit.scope == "agent" && !store::AgentExists(limit.name))
    pg::Raise(sqlstate::kUndefinedObject, "agent \"" + limit.name + "\" does not exist",
              "The name is the agent's slug, without a version.");
}

void Set(const pg::Caller& caller, const Limit& limit) {
  RequireNamed(limit);
  if (!store::SetLimit(limit.scope, limit.name, limit.metric, limit.value)) return;
  const Json data = Json::Object()
                        .Set("scope", Json::String(limit.scope))
                        .Set("name", Json::String(limit.name))
                        .Set("metric", Json::String(limit.metric))
                        .Set("value", limit.value ? Json::String(*limit.value) : Json::Null());
  store::Audit(caller, "", {"limit_set", std::nullopt, std::nullopt, data.Dump()});
  pg::TellWorkerOfLimitsAtCommit();
}

}  // namespace

void CheckSubmitLimits(pg::Oid role, const Uuid& installation, size_t count) {
  const store::SubmitLimits limits = store::LoadSubmitLimits(role);
  const auto more = static_cast<int64_t>(count);
  if (limits.tasks_per_minute) {
    const int64_t room = *limits.tasks_per_minute - more;
    const WallTime since = WallNow() - std::chrono::minutes(1);
    if (room < 0 || store::CountSubmitted(role, since, room + 1) > room)
      pg::Raise(sqlstate::kConfigurationLimit,
                "you may submit " + std::to_string(*limits.tasks_per_minute) + " tasks a minute",
                "Try again in a minute, or ask an administrator for more with capeai_set_limit().");
  }
  if (limits.queued) {
    const int64_t room = *limits.queued - more;
    if (room < 0 || store::CountQueued(installation, role, room + 1) > room)
      pg::Raise(sqlstate::kConfigurationLimit,
                "you may have " + std::to_string(*limits.queued) + " tasks queued",
                "Wait for some of them to run, or ask an administrator for more with capeai_set_limit().");
  }
}

void CheckBudgets(pg::Oid role, const Uuid& agent, const std::string& model) {
  if (!pg::AnySpent({pg::SpentKey(role), pg::SpentKey(agent), pg::SpentKey(model)}, WallNow())) return;
  pg::Raise(sqlstate::kConfigurationLimit, "the budget of the day is used up",
            "Try again after midnight UTC, or ask an administrator for more with capeai_set_limit().");
}

}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_set_limit) {
  api::RequirePrimary("set limits");
  const pg::Caller caller = pg::CurrentCaller();
  if (!api::IsAdmin(caller)) pg::Raise(sqlstate::kInsufficientPrivilege, "only capeai_admin may set limits");
  const api::Limit limit = api::ReadLimit(fcinfo);
  const pg::AsExtensionOwner as_owner;
  api::Set(caller, limit);
  PG_RETURN_VOID();
}

// AFTER INSERT OR UPDATE OR DELETE ON capeai.prices: budgets are reckoned anew.
CAPEAI_FUNCTION(capeai_note_price_change) {
  pg::RequireTrigger(fcinfo);
  pg::TellWorkerOfLimitsAtCommit();
  // A restore brings the trail along; a new event would take the number of one that is still to come.
  if (pg::FiredByCopy()) return 0;
  const pg::Caller caller = pg::CurrentCaller();
  const pg::AsExtensionOwner as_owner;
  const Json data = Json::Object().Set("operation", Json::String(pg::TriggerEvent(fcinfo)));
  store::Audit(caller, "", {"prices_changed", std::nullopt, std::nullopt, data.Dump()});
  return 0;
}
