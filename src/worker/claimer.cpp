#include "worker/claimer.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "store/limits.hpp"

namespace capeai::worker {
namespace {

// Claims of one tick: a lane that turns out to have less than its share leaves
// the rest to others.
constexpr int kRounds = 4;
// Lanes from the front of the queue, and from the window behind it that moves on
// with every look, when there are more.
constexpr int kLanesAtOnce = 128;

// A look over the lanes that takes longer than this (dead rows that somebody's
// old snapshot keeps) gets at most a fifth of the time. Meanwhile the worker
// goes on where it is in the lanes that it knows.
constexpr Duration kQuickLook = std::chrono::milliseconds(5);
constexpr int kPauseForSlow = 4;

// A task was due and could not be had: somebody holds its row locked.
constexpr Duration kLockPause = std::chrono::milliseconds(100);

// One slot in twenty is kept for owners with nothing in flight, while there has
// been more than one owner in the last ten minutes.
constexpr int kReservePart = 20;
constexpr Duration kOwnerMemory = std::chrono::minutes(10);
constexpr size_t kMaxOwners = 10000;
// So long after two owners' tasks were seen, batches stay small.
constexpr Duration kMixedFor = std::chrono::seconds(10);

// Tasks that are put off at once.
constexpr int kDeferBatch = 1000;
constexpr Duration kDay = std::chrono::hours(24);
constexpr double kNanos = 1e9;

// As a whole number that is not larger than any that can be reserved.
int64_t Whole(double value) {
  constexpr double kHighest = 9e18;
  return static_cast<int64_t>(std::min(value, kHighest));
}

void SetLimit(policy::KindLimits& limits, const store::LimitRow& row, double value) {
  if (row.scope == "default") limits.each_role = Whole(value);
  if (row.scope == "role" && row.role != 0) limits.role[row.role] = Whole(value);
  if (row.scope == "agent" && !row.agent.nil()) limits.agent[row.agent] = Whole(value);
  if (row.scope == "model") limits.model[row.name] = Whole(value);
}

policy::Kind KindOf(const Work& work) { return {work.owner, work.agent_id, work.model}; }

using LaneKey = std::tuple<int, unsigned, Uuid, std::string>;
LaneKey KeyOf(const policy::Lane& lane) {
  return {lane.priority, lane.kind.owner, lane.kind.agent, lane.kind.model};
}
LaneKey KeyOf(const store::ClaimedTask& task) {
  return {task.priority, task.owner, task.agent_id, task.model};
}

}  // namespace

void Claimer::Begin(const Work& work) { in_flight_.Add(KindOf(work)); }
void Claimer::End(const Work& work) { in_flight_.Add(KindOf(work), -1); }

std::vector<Work> Claimer::TakeAsks(std::deque<Work>& waiting, const ModelGateway& models,
                                    MonoTime now) const {
  std::vector<Work> out;
  const bool limited = !limits_.none() || !models.limits().none();
  std::vector<std::string> names;
  if (limited)
    for (const Work& work : waiting) names.push_back(work.model);
  Duration wait{};
  const policy::Sendable sendable = models.WhatMaySend(names, false, now, &wait);
  policy::Room room(limits_, in_flight_, sendable);
  std::deque<Work> rest;
  for (Work& work : waiting) {
    const policy::Kind kind = KindOf(work);
    if (work.request->searching || (limited && room.For(kind) == 0)) {
      rest.push_back(std::move(work));
      continue;
    }
    if (limited) room.Take(kind, 1);
    out.push_back(std::move(work));
  }
  waiting = std::move(rest);
  return out;
}

void Claimer::QueueChanged() {
  stale_ = true;
  for (policy::Lane& lane : lanes_) lane.dry = false;
}

void Claimer::Forget() {
  lanes_.clear();
  stale_ = true;
}

void Claimer::LoadLimits(const Uuid& installation, ModelGateway& models) {
  if (limits_known_) return;
  limits_ = {};
  PerMinuteLimits per_minute;
  policy::DailyLimits daily;
  for (const store::LimitRow& row : store::LoadLimits()) {
    if (row.metric == "in_flight") SetLimit(limits_, row, row.value);
    if (row.metric == "tokens_per_day") SetLimit(daily.tokens, row, row.value);
    if (row.metric == "cost_per_day") SetLimit(daily.cost, row, row.value * kNanos);
    if (row.metric == "requests_per_minute" || row.metric == "tokens_per_minute") {
      PerMinute& limit = row.scope == "default" ? per_minute.each : per_minute.model[row.name];
      (row.metric == "requests_per_minute" ? limit.requests : limit.tokens) = row.value;
    }
  }
  const bool rates = !per_minute.none();
  models.SetLimits(std::move(per_minute));
  if (rates)
    for (const store::ModelUse& use : store::UseOfLastMinute(WallNow()))
      models.Remember(use.model, use.requests, use.tokens, MonoNow());
  LoadBudgets(installation, std::move(daily), models);
  limits_known_ = true;
}

void Claimer::LoadBudgets(const Uuid& installation, policy::DailyLimits daily, ModelGateway& models) {
  const WallTime now = WallNow();
  std::vector<store::PriceRow> prices = store::LoadPrices(now);
  const bool repriced = prices != prices_;
  if (repriced) {
    prices_ = std::move(prices);
    std::vector<policy::Price> list;
    for (const store::PriceRow& row : prices_)
      list.push_back({row.model, row.json, row.input, row.cached_input, row.output});
    models.SetPrices(policy::PriceList(std::move(list)));
  }
  policy::Budgets& budgets = models.budgets();
  const bool changed = budgets.Set(std::move(daily), now);
  if (changed && !budgets.none())
    for (const store::SpentToday& spent : store::UseOfToday(policy::Budgets::NextDay(now) - kDay))
      budgets.Add({spent.owner, spent.agent, spent.model},
                  {spent.tokens, static_cast<int64_t>(spent.cost * kNanos)});
  if ((changed || repriced) && store::ReleaseOverBudget(installation, now) > 0) QueueChanged();
}

void Claimer::Defer(const Uuid& installation, WallTime now, const ModelGateway& models) {
  if (models.budgets().none() || !models.provider().configured) return;
  std::vector<policy::Lane> spent;
  for (policy::Lane& lane : lanes_) {
    if (lane.dry || lane.run_at > now || !models.budgets().IsSpent(lane.kind, now)) continue;
    spent.push_back(lane);
    lane.dry = stale_ = true;
  }
  if (!spent.empty())
    store::Defer(installation, spent, now, policy::Budgets::NextDay(now), "over_budget", kDeferBatch);
}

Claimer::Claimed Claimer::Claim(const Uuid& installation, const Uuid& worker, MonoTime now, Slots slots,
                                const ModelGateway& models) {
  Claimed out;
  const WallTime wall = WallNow();
  if (stale_ && now >= next_list_) List(installation, now);
  Defer(installation, wall, models);
  policy::Budgets* budgets = models.provider().configured ? &models.budgets() : nullptr;
  Duration until_sendable{};
  policy::Sendable sendable = SendableNow(wall, now, models, &until_sendable);
  policy::InFlight in_flight = in_flight_;
  held_ = false;
  int capacity = std::min(slots.free, slots.batch);
  // Slots beyond the batch stay free anyhow.
  const int reserve = std::max(Reserve(now, slots.most) - (slots.free - capacity), 0);
  for (int round = 0; round < kRounds && capacity > 0; ++round) {
    const policy::ShareInput input{wall, capacity, reserve, &in_flight, &served_};
    const policy::Shares shares =
        policy::ShareOut(lanes_, input, policy::Room(limits_, in_flight, sendable, budgets, wall));
    held_ = shares.held;
    if (shares.order.empty()) break;
    auto tasks = store::Claim(installation, worker, wall, lanes_, shares);
    MoveOn(shares, tasks);
    capacity -= static_cast<int>(tasks.size());
    for (store::ClaimedTask& task : tasks) {
      in_flight.Add({task.owner, task.agent_id, task.model});
      if (const auto found = sendable.find(task.model); found != sendable.end()) --found->second;
      out.tasks.push_back(std::move(task));
    }
  }
  const auto wait_until = [&](MonoTime t) { out.next = out.next ? std::min(*out.next, t) : t; };
  if (AnyDue(wall)) {
    out.more = capacity == 0 || !held_;
  } else if (stale_ && MonoNow() >= next_list_) {
    // All lanes have run dry: when will there be something again?
    List(installation, MonoNow());
    if (AnyDue(wall)) wait_until(now + kLockPause);
  }
  if (const auto next = NextDue(wall)) wait_until(now + (*next - wall));
  if (stale_) wait_until(std::max(next_list_, out.tasks.empty() ? now + kLockPause : now));
  if (held_ && until_sendable > Duration(0)) wait_until(now + until_sendable);
  return out;
}

policy::Sendable Claimer::SendableNow(WallTime wall, MonoTime now, const ModelGateway& models,
                                      Duration* wait) const {
  std::vector<std::string> names;
  for (const policy::Lane& lane : lanes_)
    if (!lane.dry && lane.run_at <= wall) names.push_back(lane.kind.model);
  return models.WhatMaySend(names, true, now, wait);
}

void Claimer::List(const Uuid& installation, MonoTime now) {
  lanes_ = store::ListLanes(installation, nullptr, kLanesAtOnce);
  if (lanes_.size() == static_cast<size_t>(kLanesAtOnce)) {
    const policy::Lane last = lanes_.back();
    const bool behind = window_end_ && KeyOf(*window_end_) != KeyOf(last) &&
                        std::tuple(-window_end_->priority, window_end_->kind.owner) >=
                            std::tuple(-last.priority, last.kind.owner);
    const policy::Lane from = behind ? *window_end_ : last;
    std::vector<policy::Lane> more = store::ListLanes(installation, &from, kLanesAtOnce);
    window_end_.reset();
    if (more.size() == static_cast<size_t>(kLanesAtOnce)) window_end_ = more.back();
    lanes_.insert(lanes_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  stale_ = false;
  for (const policy::Lane& lane : lanes_) {
    seen_[lane.kind.owner] = now;
    const unsigned before = std::exchange(last_owner_, lane.kind.owner);
    if (before != 0 && before != lane.kind.owner) mixed_until_ = now + kMixedFor;
  }
  const MonoTime end = MonoNow();
  next_list_ = end - now > kQuickLook ? end + (end - now) * kPauseForSlow : end;
}

void Claimer::MoveOn(const policy::Shares& shares, const std::vector<store::ClaimedTask>& tasks) {
  struct Last {
    int count = 0;
    const store::ClaimedTask* task = nullptr;
  };
  std::map<LaneKey, Last> got;
  for (const store::ClaimedTask& task : tasks) {
    Last& last = got[KeyOf(task)];
    ++last.count;
    last.task = &task;  // they come in the order of the lane
  }
  const bool all_heard = static_cast<int>(tasks.size()) < shares.limit;
  if (served_.size() > kMaxOwners) served_.clear();
  for (const policy::Share& share : shares.order) {
    int sum = 0;
    for (size_t i : share.lanes)
      if (const auto found = got.find(KeyOf(lanes_[i])); found != got.end()) sum += found->second.count;
    if (sum > 0) served_[share.owner] = ++turn_;
    for (size_t n = 0; n < share.lanes.size(); ++n) {
      policy::Lane& lane = lanes_[share.lanes[n]];
      const auto found = got.find(KeyOf(lane));
      if (found != got.end()) {
        lane.run_at = found->second.task->run_at;
        lane.id = found->second.task->id;
      }
      const int count = found == got.end() ? 0 : found->second.count;
      if (all_heard && sum < share.quota && count < share.takes[n]) {
        lane.dry = true;
        stale_ = true;
      }
    }
  }
}

int Claimer::Reserve(MonoTime now, int most) {
  if (seen_.size() < 2 || most < 2) return 0;
  std::erase_if(seen_, [&](const auto& owner) { return now - owner.second > kOwnerMemory; });
  return seen_.size() < 2 ? 0 : std::max(most / kReservePart, 1);
}

std::optional<WallTime> Claimer::NextDue(WallTime now) const {
  std::optional<WallTime> next;
  for (const policy::Lane& lane : lanes_)
    if (lane.run_at > now) next = next ? std::min(*next, lane.run_at) : lane.run_at;
  return next;
}

bool Claimer::AnyDue(WallTime now) const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [&](const policy::Lane& lane) { return !lane.dry && lane.run_at <= now; });
}

}  // namespace capeai::worker
