#include "knowledge/smooth.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <unordered_map>

#include "knowledge/terms.hpp"

namespace capeai::knowledge {
namespace {

struct Entry {
  size_t passage = 0;
  double weight = 0;
};

// Cosines of all pairs, row by row.
std::vector<double> Similarities(const std::vector<std::string_view>& vectors) {
  const size_t n = vectors.size();
  std::unordered_map<std::string_view, std::vector<Entry>> terms;
  for (size_t i = 0; i < n; ++i) {
    TermVectorReader reader(vectors[i]);
    while (reader.Next()) {
      const FieldCounts& counts = reader.counts();
      const double frequency = counts[kTitle] + counts[kHeading] + counts[kKeywords] + counts[kBody];
      if (frequency > 0) terms[reader.term()].push_back({i, 1 + std::log(frequency)});
    }
  }
  std::vector<double> norms(n), products(n * n);
  for (auto& [term, entries] : terms) {
    const double idf = std::log(1 + static_cast<double>(n) / static_cast<double>(entries.size()));
    for (Entry& entry : entries) {
      entry.weight *= idf;
      norms[entry.passage] += entry.weight * entry.weight;
    }
    for (const Entry& a : entries)
      for (const Entry& b : entries) products[a.passage * n + b.passage] += a.weight * b.weight;
  }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (norms[i] > 0 && norms[j] > 0) products[i * n + j] /= std::sqrt(norms[i] * norms[j]);
  return products;
}

}  // namespace

std::vector<double> SmoothScores(const std::vector<double>& scores,
                                 const std::vector<std::string_view>& vectors, const SmoothOptions& options) {
  const size_t n = scores.size();
  const std::vector<double> similarity = Similarities(vectors);
  std::vector<double> smoothed = scores;
  std::vector<size_t> others;
  for (size_t i = 0; i < n; ++i) {
    const double* row = &similarity[i * n];
    others.clear();
    for (size_t j = 0; j < n; ++j)
      if (j != i) others.push_back(j);
    const size_t kept = std::min<size_t>(static_cast<size_t>(options.neighbours), others.size());
    std::partial_sort(others.begin(), others.begin() + static_cast<ptrdiff_t>(kept), others.end(),
                      [row](size_t a, size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    double sum = 0, weight = 0;
    for (size_t k = 0; k < kept; ++k) {
      sum += row[others[k]] * scores[others[k]];
      weight += row[others[k]];
    }
    if (weight > 0) smoothed[i] = (1 - options.share) * scores[i] + options.share * sum / weight;
  }
  return smoothed;
}

}  // namespace capeai::knowledge
