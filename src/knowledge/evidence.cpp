#include "knowledge/evidence.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "knowledge/stem.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {

namespace {

std::set<std::string> StemSet(std::string_view text) {
  std::set<std::string> set;
  for (std::string& stem : Stems(text)) set.insert(std::move(stem));
  return set;
}

}  // namespace

size_t TellingWords(std::string_view question) { return std::max<size_t>(1, StemSet(question).size()); }

double BestSentence(std::string_view question, std::string_view text) {
  const std::set<std::string> asked = StemSet(question);
  if (asked.empty()) return 0;
  size_t best = 0;
  for (const std::string_view line : Lines(text)) {
    for (const std::string_view sentence : Sentences(line)) {
      size_t held = 0;
      for (const std::string& stem : StemSet(sentence)) held += asked.count(stem);
      best = std::max(best, held);
    }
  }
  return static_cast<double>(best) / static_cast<double>(asked.size());
}

double Evidence(double share, size_t telling_words) {
  return std::clamp(share, 0.0, 1.0) * std::sqrt(static_cast<double>(telling_words));
}

}  // namespace capeai::knowledge
