#include "policy/share.hpp"

#include <algorithm>
#include <tuple>

#include "policy/budget.hpp"

namespace capeai::policy {
namespace {

template <class Key>
void Count(std::unordered_map<Key, int64_t>& counts, const Key& key, int64_t n) {
  const auto found = counts.try_emplace(key, 0).first;
  found->second += n;
  if (found->second == 0) counts.erase(found);
}

template <class Key>
int64_t Find(const std::unordered_map<Key, int64_t>& counts, const Key& key, int64_t otherwise = 0) {
  const auto found = counts.find(key);
  return found == counts.end() ? otherwise : found->second;
}

// What is due, as shares without quotas, those that come first in front.
std::vector<Share> InOrder(const std::vector<Lane>& lanes, const ShareInput& input) {
  std::vector<size_t> due;
  for (size_t i = 0; i < lanes.size(); ++i)
    if (!lanes[i].dry && lanes[i].run_at <= input.now) due.push_back(i);
  std::sort(due.begin(), due.end(), [&](size_t a, size_t b) {
    const auto key = [&](const Lane& lane) {
      const auto served = input.served->find(lane.kind.owner);
      return std::tuple(-lane.priority, input.in_flight->OfOwner(lane.kind.owner),
                        served == input.served->end() ? 0 : served->second, lane.kind.owner, lane.run_at,
                        lane.id);
    };
    return key(lanes[a]) < key(lanes[b]);
  });
  std::vector<Share> out;
  for (size_t i : due) {
    const Lane& lane = lanes[i];
    if (out.empty() || out.back().priority != lane.priority || out.back().owner != lane.kind.owner)
      out.push_back({lane.priority, lane.kind.owner, 0, {}, {}});
    out.back().lanes.push_back(i);
  }
  return out;
}

// Fills in quota and takes. True if a limit made it less than `fair`.
bool Fill(Share& share, int fair, const std::vector<Lane>& lanes, Room& room) {
  bool held = false;
  int64_t sum = 0;
  std::vector<size_t> open;
  for (size_t i : share.lanes) {
    const int64_t left = room.For(lanes[i].kind);
    const int take = static_cast<int>(std::min<int64_t>(fair, left));
    if (take < fair) held = true;
    if (take <= 0) continue;
    room.Take(lanes[i].kind, take);
    open.push_back(i);
    share.takes.push_back(take);
    sum += take;
  }
  share.lanes = std::move(open);
  share.quota = static_cast<int>(std::min<int64_t>(fair, sum));
  return held;
}

}  // namespace

void InFlight::Add(const Kind& kind, int64_t n) {
  if (n == 0) return;
  Count(owners_, kind.owner, n);
  Count(agents_, kind.agent, n);
  Count(models_, kind.model, n);
}

int64_t InFlight::OfOwner(unsigned owner) const { return Find(owners_, owner); }
int64_t InFlight::OfAgent(const Uuid& agent) const { return Find(agents_, agent); }
int64_t InFlight::OfModel(const std::string& model) const { return Find(models_, model); }

int64_t InFlight::Like(const Kind& kind) const {
  return std::max({OfOwner(kind.owner), OfAgent(kind.agent), OfModel(kind.model)});
}

Room::Room(const KindLimits& limits, const InFlight& in_flight, const Sendable& sendable, Budgets* budgets,
           WallTime now)
    : limits_(limits),
      in_flight_(in_flight),
      sendable_(sendable),
      budgets_(budgets && !budgets->none() ? budgets : nullptr),
      now_(now),
      free_(limits.none() && sendable.empty() && !budgets_) {}

int64_t Room::For(const Kind& kind) const {
  if (free_) return kNoLimit;
  int64_t room = Find(sendable_, kind.model, kNoLimit);
  if (room != kNoLimit) room -= taken_.OfModel(kind.model);
  const auto within = [&](int64_t limit, int64_t used) {
    if (limit != kNoLimit) room = std::min(room, limit - used);
  };
  within(Find(limits_.role, kind.owner, limits_.each_role.value_or(kNoLimit)),
         in_flight_.OfOwner(kind.owner) + taken_.OfOwner(kind.owner));
  within(Find(limits_.agent, kind.agent, kNoLimit),
         in_flight_.OfAgent(kind.agent) + taken_.OfAgent(kind.agent));
  within(Find(limits_.model, kind.model, kNoLimit),
         in_flight_.OfModel(kind.model) + taken_.OfModel(kind.model));
  if (budgets_) within(budgets_->Room(kind, now_), taken_.Like(kind));
  return std::max<int64_t>(room, 0);
}

void Room::Take(const Kind& kind, int64_t n) {
  if (!free_) taken_.Add(kind, n);
}

Shares ShareOut(const std::vector<Lane>& lanes, const ShareInput& input, Room room) {
  Shares out;
  std::vector<Share> order = InOrder(lanes, input);
  // Nobody alone takes the reserve as well, also when all that it had has just ended.
  const int open = std::max(input.capacity - input.reserve, 0);
  const int for_idle = std::max(open, std::min(input.reserve, input.capacity));
  const bool alone = std::all_of(order.begin(), order.end(),
                                 [&](const Share& share) { return share.owner == order.front().owner; });
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && order[end].priority == order[i].priority) ++end;
    const auto owners = static_cast<int>(end - i);
    const int fair = (input.capacity + owners - 1) / owners;
    for (; i < end; ++i) {
      const bool busy = input.in_flight->OfOwner(order[i].owner) > 0;
      const int most = std::min(fair, busy ? open : for_idle);
      if (most == 0) out.held = true;
      if (most == 0 || input.capacity == 0) continue;
      if (Fill(order[i], most, lanes, room)) out.held = true;
      if (order[i].quota == 0) continue;
      out.limit = std::max(out.limit, busy ? open : alone ? for_idle : input.capacity);
      out.order.push_back(std::move(order[i]));
    }
  }
  return out;
}

}  // namespace capeai::policy
