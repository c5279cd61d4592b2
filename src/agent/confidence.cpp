#include "agent/confidence.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "knowledge/evidence.hpp"

namespace capeai {
namespace {

constexpr double kRetrievalShare = 0.6;
constexpr double kUncited = 0.25;
constexpr size_t kOthers = 5;
// A good passage stands out where one document has the answer, and does not where several have: it counts
// little.
constexpr double kDistinct = 0.25;
// Puts questions that the documentation does not know below 0.5; changes no order.
constexpr double kSaturation = 0.6;

}  // namespace

double RetrievalStrength(const std::string& question, const std::vector<Passage>& passages,
                         const std::vector<int>& cited) {
  if (passages.empty()) return 0;
  const auto score = [](const Passage& passage) { return std::clamp(passage.score, 0.0, 1.0); };
  const Passage* best = cited.empty() ? &passages[0] : &passages[static_cast<size_t>(cited[0])];
  for (const int index : cited)
    if (score(passages[static_cast<size_t>(index)]) > score(*best))
      best = &passages[static_cast<size_t>(index)];
  for (const Passage& passage : passages)
    if (cited.empty() && score(passage) > score(*best)) best = &passage;
  if (score(*best) <= 0) return 0;
  std::vector<double> others;
  for (const Passage& passage : passages)
    if (passage.document_id != best->document_id) others.push_back(score(passage));
  std::sort(others.begin(), others.end(), std::greater<>());
  if (others.size() > kOthers) others.resize(kOthers);
  const double mean = std::accumulate(others.begin(), others.end(), 0.0) / kOthers;
  const double distinct = std::max(0.0, 1 - mean / score(*best));
  const double evidence = knowledge::Evidence(score(*best), knowledge::TellingWords(question));
  const double sentence = knowledge::BestSentence(question, best->text);
  return 1 - std::exp(-kSaturation * evidence * (1 + sentence) * (1 + kDistinct * distinct));
}

double ConfidenceScore(const std::string& question, const std::vector<Passage>& passages,
                       const CheckedCitations& citations, std::optional<double> own_word) {
  const double known = static_cast<double>(citations.cited.size());
  const double share = known > 0 ? known / (known + citations.unknown) : kUncited;
  const double retrieval = RetrievalStrength(question, passages, citations.cited);
  return share * (kRetrievalShare * retrieval + (1 - kRetrievalShare) * own_word.value_or(0.5));
}

}  // namespace capeai
