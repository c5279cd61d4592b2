// Who may run next: shares the room that a worker has among owners, within the
// limits of what may be in flight. Knows nothing of where tasks are kept.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::policy {

class Budgets;

// What a limit can be about. Tasks that wait and have these and their priority in
// common form a lane: they may run or not together, in the order of (run_at, id).
struct Kind {
  unsigned owner = 0;
  Uuid agent;
  std::string model;
};

struct Lane {
  int32_t priority = 0;  // higher first
  Kind kind;
  WallTime run_at;   // of the task that is next in it
  Uuid id;           // the same; breaks ties
  bool dry = false;  // nothing in it is due, as far as is known
};

// Limits of something that is counted by kind.
struct KindLimits {
  std::optional<int64_t> each_role;  // that has none of its own
  std::unordered_map<unsigned, int64_t> role;
  std::unordered_map<Uuid, int64_t> agent;
  std::unordered_map<std::string, int64_t> model;

  bool none() const { return !each_role && role.empty() && agent.empty() && model.empty(); }
  bool operator==(const KindLimits&) const = default;
};

// What is in flight, by kind.
class InFlight {
 public:
  void Add(const Kind& kind, int64_t n = 1);  // n < 0: it has ended
  int64_t OfOwner(unsigned owner) const;
  int64_t OfAgent(const Uuid& agent) const;
  int64_t OfModel(const std::string& model) const;
  // The most that anything of the kind has in common with it.
  int64_t Like(const Kind& kind) const;

 private:
  std::unordered_map<unsigned, int64_t> owners_;
  std::unordered_map<Uuid, int64_t> agents_;
  std::unordered_map<std::string, int64_t> models_;
};

// How many requests may go to a model now; models that are not in it: any number.
using Sendable = std::unordered_map<std::string, int64_t>;

// What the limits leave room for. Keeps references: a value for one decision.
class Room {
 public:
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  // Without `budgets` there are none to keep to; `now` is theirs.
  Room(const KindLimits& limits, const InFlight& in_flight, const Sendable& sendable,
       Budgets* budgets = nullptr, WallTime now = {});

  int64_t For(const Kind& kind) const;
  void Take(const Kind& kind, int64_t n);

 private:
  const KindLimits& limits_;
  const InFlight& in_flight_;
  const Sendable& sendable_;
  Budgets* budgets_;  // nullptr: none
  WallTime now_;
  bool free_;  // no limit at all: nothing to reckon
  InFlight taken_;
};

// Tasks of one owner and priority, from one or several lanes.
struct Share {
  int32_t priority = 0;
  unsigned owner = 0;
  int quota = 0;              // together
  std::vector<size_t> lanes;  // indices
  std::vector<int> takes;     // at most, from each of `lanes`
};

struct Shares {
  std::vector<Share> order;  // claim in this order, `limit` in all
  int limit = 0;
  bool held = false;  // something is due that a limit holds back
};

struct ShareInput {
  WallTime now;
  int capacity = 0;  // tasks that may begin
  int reserve = 0;   // of these, for owners with nothing in flight
  const InFlight* in_flight = nullptr;
  // When each owner got something last; greater is later. Unknown: never.
  const std::unordered_map<unsigned, uint64_t>* served = nullptr;
};

// Higher priorities come first, whoever owns them. Within a priority owners get
// equal shares; those with less in flight, then those served longer ago, come
// first. `room` is a copy: what is promised here is not yet taken.
Shares ShareOut(const std::vector<Lane>& lanes, const ShareInput& input, Room room);

}  // namespace capeai::policy
