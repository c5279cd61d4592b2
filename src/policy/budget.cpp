#include "policy/budget.hpp"

#include <algorithm>

namespace capeai::policy {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
// Bounds the memory when callers bring ever new model names.
constexpr size_t kMaxModels = 1000;

int64_t AddCapped(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

WallTime DayOf(WallTime now) {
  const auto since_epoch = now.time_since_epoch();
  return WallTime(since_epoch - since_epoch % kDay);
}

// The limit of `key`; `each` for all others.
template <class Map, class Key>
int64_t LimitOf(const Map& limits, const Key& key, std::optional<int64_t> each = {}) {
  const auto found = limits.find(key);
  return found != limits.end() ? found->second : each.value_or(Budget::kNoLimit);
}

}  // namespace

bool Budget::Admits(int64_t amount) const {
  if (limit == kNoLimit) return true;
  if (reserved == 0) return !spent();
  return AddCapped(AddCapped(used, reserved), std::max<int64_t>(amount, 0)) <= limit;
}

int64_t Budget::Room(int64_t amount) const {
  if (limit == kNoLimit) return kNoLimit;
  if (spent()) return 0;
  const int64_t left = std::max<int64_t>(limit - AddCapped(used, reserved), 0);
  return std::max<int64_t>(left / std::max<int64_t>(amount, 1), reserved == 0 ? 1 : 0);
}

void Budget::Reserve(int64_t amount) { reserved = AddCapped(reserved, std::max<int64_t>(amount, 0)); }

void Budget::Settle(int64_t was_reserved, int64_t was_used) {
  reserved = std::max<int64_t>(0, reserved - std::max<int64_t>(was_reserved, 0));
  used = AddCapped(used, std::max<int64_t>(was_used, 0));
}

template <class F>
void Budgets::EachPair(F&& visit) {
  for (auto& [role, pair] : roles_) visit(pair);
  for (auto& [agent, pair] : agents_) visit(pair);
  for (auto& [model, pair] : models_) visit(pair);
}

template <class F>
void Budgets::Each(const Kind& kind, F&& visit) {
  const auto in = [&](auto& pairs, const auto& key, int64_t tokens, int64_t cost) {
    if (tokens == Budget::kNoLimit && cost == Budget::kNoLimit) return;
    Pair& pair = pairs[key];
    pair.tokens.limit = tokens;
    pair.cost.limit = cost;
    visit(pair);
  };
  in(roles_, kind.owner, LimitOf(limits_.tokens.role, kind.owner, limits_.tokens.each_role),
     LimitOf(limits_.cost.role, kind.owner, limits_.cost.each_role));
  in(agents_, kind.agent, LimitOf(limits_.tokens.agent, kind.agent), LimitOf(limits_.cost.agent, kind.agent));
  in(models_, kind.model, LimitOf(limits_.tokens.model, kind.model), LimitOf(limits_.cost.model, kind.model));
}

// A clock that went back does not open the same day twice.
void Budgets::Roll(WallTime now) {
  if (DayOf(now) <= day_) return;
  day_ = DayOf(now);
  EachPair([](Pair& pair) { pair.tokens.used = pair.cost.used = 0; });
}

bool Budgets::Set(DailyLimits limits, WallTime now) {
  if (limits == limits_) return false;
  limits_ = std::move(limits);
  day_ = DayOf(now);
  EachPair([](Pair& pair) {
    for (Budget* budget : {&pair.tokens, &pair.cost}) *budget = {Budget::kNoLimit, 0, budget->reserved};
  });
  // Those with a name are there from the start: nothing at all may be their limit.
  for (const KindLimits* named : {&limits_.tokens, &limits_.cost}) {
    for (const auto& [role, limit] : named->role) Each({role, {}, {}}, [](Pair&) {});
    for (const auto& [agent, limit] : named->agent) Each({0, agent, {}}, [](Pair&) {});
    for (const auto& [model, limit] : named->model) Each({0, {}, model}, [](Pair&) {});
  }
  return true;
}

void Budgets::Add(const Kind& kind, const Spend& used) {
  Each(kind, [&](Pair& pair) {
    pair.tokens.Settle(0, used.tokens);
    pair.cost.Settle(0, used.cost.value_or(0));
  });
}

std::optional<Budgets::Refusal> Budgets::Reserve(const Kind& kind, const Spend& estimate, WallTime now) {
  if (none()) return std::nullopt;
  Roll(now);
  std::optional<Refusal> refusal;
  Each(kind, [&](Pair& pair) {
    if (pair.spent())
      refusal = Refusal::kSpent;
    else if (refusal == Refusal::kSpent)
      return;
    else if (pair.cost.limit != Budget::kNoLimit && !estimate.cost)
      refusal = Refusal::kNoPrice;
    else if (!refusal &&
             !(pair.tokens.Admits(estimate.tokens) && pair.cost.Admits(estimate.cost.value_or(0))))
      refusal = Refusal::kBusy;
  });
  if (last_.size() > kMaxModels) last_.clear();
  last_.insert_or_assign(kind.model, estimate);
  if (refusal) return refusal;
  Each(kind, [&](Pair& pair) {
    pair.tokens.Reserve(estimate.tokens);
    pair.cost.Reserve(estimate.cost.value_or(0));
  });
  return std::nullopt;
}

void Budgets::Settle(const Kind& kind, const Spend& estimate, const Spend& used, WallTime now) {
  if (none()) return;
  Roll(now);
  Each(kind, [&](Pair& pair) {
    pair.tokens.Settle(estimate.tokens, used.tokens);
    pair.cost.Settle(estimate.cost.value_or(0), used.cost.value_or(0));
  });
}

bool Budgets::IsSpent(const Kind& kind, WallTime now) {
  if (none()) return false;
  Roll(now);
  bool any = false;
  Each(kind, [&](Pair& pair) { any |= pair.spent(); });
  return any;
}

int64_t Budgets::Room(const Kind& kind, WallTime now) {
  if (none()) return Budget::kNoLimit;
  Roll(now);
  const auto last = last_.find(kind.model);
  const Spend each = last == last_.end() ? Spend{Budget::kNoLimit, Budget::kNoLimit} : last->second;
  int64_t room = Budget::kNoLimit;
  Each(kind, [&](Pair& pair) {
    room = std::min({room, pair.tokens.Room(each.tokens), pair.cost.Room(each.cost.value_or(0))});
  });
  return room;
}

Budgets::SpentBudgets Budgets::AllSpent(WallTime now) {
  Roll(now);
  SpentBudgets out;
  for (const auto& [role, pair] : roles_)
    if (pair.spent()) out.roles.push_back(role);
  for (const auto& [agent, pair] : agents_)
    if (pair.spent()) out.agents.push_back(agent);
  for (const auto& [model, pair] : models_)
    if (pair.spent()) out.models.push_back(model);
  return out;
}

WallTime Budgets::NextDay(WallTime now) { return DayOf(now) + kDay; }

}  // namespace capeai::policy
