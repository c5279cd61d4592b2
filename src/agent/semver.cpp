#include "agent/semver.hpp"

#include <algorithm>

namespace capeai {
namespace {

// The text up to `separator`, which goes too; the rest stays in `text`.
std::string_view Next(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

bool IsNumber(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Of any length: without leading zeros the longer one is greater.
std::strong_ordering CompareNumbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

std::strong_ordering CompareIdentifiers(std::string_view a, std::string_view b) {
  if (IsNumber(a) && IsNumber(b)) return CompareNumbers(a, b);
  if (IsNumber(a) != IsNumber(b))
    return IsNumber(a) ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.compare(b) <=> 0;
}

}  // namespace

std::strong_ordering CompareVersions(std::string_view a, std::string_view b) {
  std::string_view core_a = Next(a, '-'), core_b = Next(b, '-');  // a and b keep the pre-releases
  while (!core_a.empty() || !core_b.empty())
    if (const auto order = CompareNumbers(Next(core_a, '.'), Next(core_b, '.')); order != 0) return order;
  if (a.empty() || b.empty()) return int{a.empty()} <=> int{b.empty()};  // a release is higher
  while (!a.empty() && !b.empty())
    if (const auto order = CompareIdentifiers(Next(a, '.'), Next(b, '.')); order != 0) return order;
  return a.size() <=> b.size();
}

}  // namespace capeai
