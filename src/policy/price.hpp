// What models cost: the prices of capeai.prices, and cost in whole numbers, so
// that nothing is lost in adding up. Knows no database and no clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace capeai::policy {

// Of one model, in millionths of the currency per million tokens; that is, in
// 1e-12 of the currency per token.
struct Price {
  std::string model;
  std::string row;  // as JSON, stored with the tasks that were reckoned with it
  int64_t input = 0;
  int64_t cached_input = 0;
  int64_t output = 0;
};

struct Tokens {
  int64_t prompt = 0;
  int64_t cached = 0;  // part of prompt
  int64_t completion = 0;
};

// In 1e-12 of the currency; capped, never negative.
int64_t Cost(const Price& price, const Tokens& tokens);

// "0.0000345": a cost as SQL's numeric reads it.
std::string CostText(int64_t cost);

class PriceList {
 public:
  explicit PriceList(std::vector<Price> prices = {});
  // Of what answered, as the server calls it ("gpt-4o-mini-2024-07-18"), or else of what was asked
  // for; nullptr if neither has a price. Lives as long as somebody holds it.
  std::shared_ptr<const Price> Find(std::string_view answered, std::string_view asked) const;

 private:
  std::unordered_map<std::string, std::shared_ptr<const Price>> prices_;
};

}  // namespace capeai::policy
