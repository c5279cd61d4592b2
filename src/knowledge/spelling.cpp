#include "knowledge/spelling.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

namespace capeai::knowledge {
namespace {

// One slip in 4 to 7 letters, two in more.
constexpr size_t kShortest = 4;
constexpr size_t kTwoSlips = 8;
constexpr size_t kLongest = 64;
constexpr size_t kPrefix = 2;  // people get the beginning right

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

int EditDistance(std::string_view a, std::string_view b, int limit) {
  const auto length = [](std::string_view s) { return static_cast<int>(s.size()); };
  if (std::abs(length(a) - length(b)) > limit) return limit + 1;
  // Three rows of the usual table, on the stack for words of usual length.
  std::array<int, 3 * (kLongest + 4)> small;
  std::vector<int> large;
  const size_t width = b.size() + 1;
  if (3 * width > small.size()) large.resize(3 * width);
  int* before = large.empty() ? small.data() : large.data();
  int* last = before + width;
  int* row = last + width;
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    if (*std::min_element(row, row + width) > limit) return limit + 1;
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

NearestTerm::NearestTerm(std::string_view word) : word_(word), prefix_(word.substr(0, kPrefix)) {
  if (word.size() < kShortest || word.size() > kLongest || !std::all_of(word.begin(), word.end(), IsLetter))
    return;
  limit_ = word.size() < kTwoSlips ? 1 : 2;
  distance_ = limit_ + 1;
}

void NearestTerm::Offer(std::string_view term, size_t weight) {
  if (limit_ == 0 || !term.starts_with(prefix_)) return;
  const int distance = EditDistance(word_, term, limit_);
  if (distance > limit_ || distance > distance_ || (distance == distance_ && weight <= weight_)) return;
  distance_ = distance;
  weight_ = weight;
  best_ = term;
}

}  // namespace capeai::knowledge
