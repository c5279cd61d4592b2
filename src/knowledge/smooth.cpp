#include "knowledge/smooth.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>

#include "knowledge/terms.hpp"

namespace capeai::knowledge {
namespace {

struct Occurrence {
  size_t term = 0;  // numbered as they come
  size_t passage = 0;
  double weight = 0;
};

// Numbers terms as they come. A table without nodes: it is filled anew for every search.
class TermNumbers {
 public:
  // For at most `most` different terms.
  explicit TermNumbers(size_t most) : slots_(std::bit_ceil(2 * most + 1)) {}

  size_t Number(std::string_view term) {
    size_t at = std::hash<std::string_view>()(term);
    for (;; ++at) {
      Slot& slot = slots_[at & (slots_.size() - 1)];
      if (!slot.used) slot = {term, size_++, true};
      if (slot.term == term) return slot.number;
    }
  }
  size_t size() const { return size_; }

 private:
  struct Slot {
    std::string_view term;
    size_t number = 0;
    bool used = false;
  };
  std::vector<Slot> slots_;
  size_t size_ = 0;
};

// What stands in the passages, grouped by term, and in each group in the order of the passages.
std::vector<Occurrence> Occurrences(const std::vector<std::string_view>& vectors) {
  std::vector<Occurrence> found;
  size_t most = 0;
  for (const std::string_view vector : vectors)
    most += std::min(TermVectorReader(vector).size(), vector.size());  // whatever broken bytes say
  found.reserve(most);
  TermNumbers numbers(most);
  for (size_t i = 0; i < vectors.size(); ++i) {
    TermVectorReader reader(vectors[i]);
    while (reader.Next()) {
      const FieldCounts& counts = reader.counts();
      const double frequency = counts[kTitle] + counts[kHeading] + counts[kKeywords] + counts[kBody];
      if (frequency == 0) continue;
      found.push_back({numbers.Number(reader.term()), i, 1 + std::log(frequency)});
    }
  }
  std::vector<size_t> places(numbers.size() + 1);
  for (const Occurrence& occurrence : found) ++places[occurrence.term + 1];
  std::partial_sum(places.begin(), places.end(), places.begin());
  std::vector<Occurrence> grouped(found.size());
  for (const Occurrence& occurrence : found) grouped[places[occurrence.term]++] = occurrence;
  return grouped;
}

// Cosines of all pairs of different passages, row by row.
std::vector<double> Similarities(const std::vector<std::string_view>& vectors) {
  const size_t n = vectors.size();
  std::vector<Occurrence> all = Occurrences(vectors);
  std::vector<double> norms(n), products(n * n);
  for (size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && all[end].term == all[begin].term) ++end;
    const double idf = std::log(1 + static_cast<double>(n) / static_cast<double>(end - begin));
    for (size_t a = begin; a < end; ++a) {
      all[a].weight *= idf;
      norms[all[a].passage] += all[a].weight * all[a].weight;
      for (size_t b = begin; b < a; ++b)
        products[all[b].passage * n + all[a].passage] += all[a].weight * all[b].weight;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      if (norms[i] > 0 && norms[j] > 0) products[i * n + j] /= std::sqrt(norms[i] * norms[j]);
      products[j * n + i] = products[i * n + j];
    }
  }
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
