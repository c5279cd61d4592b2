#include "policy/price.hpp"

#include <algorithm>
#include <limits>

namespace capeai::policy {

int64_t Cost(const Price& price, const Tokens& tokens) {
  const auto count = [](int64_t n) { return static_cast<__int128>(std::max<int64_t>(n, 0)); };
  const __int128 cached = std::min(count(tokens.cached), count(tokens.prompt));
  const __int128 cost = (count(tokens.prompt) - cached) * price.input + cached * price.cached_input +
                        count(tokens.completion) * price.output;
  return static_cast<int64_t>(std::clamp<__int128>(cost, 0, std::numeric_limits<int64_t>::max()));
}

std::string CostText(int64_t cost) {
  constexpr size_t kDecimals = 12;
  std::string digits = std::to_string(std::max<int64_t>(cost, 0));
  if (digits.size() <= kDecimals) digits.insert(0, kDecimals + 1 - digits.size(), '0');
  digits.insert(digits.size() - kDecimals, ".");
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

PriceList::PriceList(std::vector<Price> prices) {
  for (Price& price : prices) {
    std::string model = price.model;
    prices_.insert_or_assign(std::move(model), std::make_shared<const Price>(std::move(price)));
  }
}

std::shared_ptr<const Price> PriceList::Find(std::string_view answered, std::string_view asked) const {
  for (const std::string_view name : {answered, asked})
    if (const auto found = prices_.find(std::string(name)); found != prices_.end()) return found->second;
  return nullptr;
}

}  // namespace capeai::policy
