// What may be spent in a day, in tokens and in money, by whom and on what:
// reserved before a request, settled after it, so that however many run at once
// they do not spend more than is there. Time comes in as an argument; days begin
// at midnight UTC.
//
// The last request of a day may be larger than what is left: it goes when nothing
// else is reserved, so that no request is stuck for ever. That is the most by
// which a budget is exceeded, as long as requests keep to what was reserved.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.hpp"
#include "policy/share.hpp"

namespace capeai::policy {

// Of one day and one thing. Amounts are whole numbers in a unit of the caller's.
struct Budget {
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

  int64_t limit = kNoLimit;
  int64_t used = 0;
  int64_t reserved = 0;

  bool spent() const { return used >= limit; }
  bool Admits(int64_t amount) const;
  // How many requests of `amount` it admits now.
  int64_t Room(int64_t amount) const;
  void Reserve(int64_t amount);
  void Settle(int64_t was_reserved, int64_t was_used);
};

// What one request takes.
struct Spend {
  int64_t tokens = 0;
  std::optional<int64_t> cost;  // in 1e-9 of the currency; none: the model has no price
};

struct DailyLimits {
  KindLimits tokens;
  KindLimits cost;  // in 1e-9 of the currency

  bool none() const { return tokens.none() && cost.none(); }
  bool operator==(const DailyLimits&) const = default;
};

class Budgets {
 public:
  // Budgets that stay keep what is reserved of them. What was used is forgotten:
  // Add() what the day has seen so far. False (and nothing happens): they were the same.
  bool Set(DailyLimits limits, WallTime now);
  bool none() const { return limits_.none(); }
  void Add(const Kind& kind, const Spend& used);

  enum class Refusal {
    kSpent,    // nothing is left before the next day
    kBusy,     // what is left is reserved by requests under way
    kNoPrice,  // its cost is limited and not known
  };
  // Reserves from every budget that the request falls under, or from none.
  std::optional<Refusal> Reserve(const Kind& kind, const Spend& estimate, WallTime now);
  void Settle(const Kind& kind, const Spend& estimate, const Spend& used, WallTime now);

  // Whether nothing of that kind can go before the next day.
  bool IsSpent(const Kind& kind, WallTime now);
  // How many requests may go now, judging by what was last reserved for the model.
  int64_t Room(const Kind& kind, WallTime now);

  // The budgets of the day that are used up.
  struct SpentBudgets {
    std::vector<unsigned> roles;
    std::vector<Uuid> agents;
    std::vector<std::string> models;
  };
  SpentBudgets AllSpent(WallTime now);

  static WallTime NextDay(WallTime now);

 private:
  struct Pair {
    Budget tokens, cost;
    bool spent() const { return tokens.spent() || cost.spent(); }
  };
  // Calls `visit(Pair&)` for each budget that the kind falls under.
  template <class F>
  void Each(const Kind& kind, F&& visit);
  template <class F>
  void EachPair(F&& visit);
  void Roll(WallTime now);

  DailyLimits limits_;
  WallTime day_{};
  std::unordered_map<unsigned, Pair> roles_;
  std::unordered_map<Uuid, Pair> agents_;
  std::unordered_map<std::string, Pair> models_;
  std::unordered_map<std::string, Spend> last_;  // reserved, by model
};

}  // namespace capeai::policy
