// Which units of the passages answer a question. Internal to the extractive answer.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/extract_units.hpp"

namespace capeai::knowledge {

// The question's stems with their weights: rare words of the passages count more.
class QueryTerms {
 public:
  QueryTerms(std::string_view query, const std::vector<Unit>& units);

  bool empty() const { return weights_.empty(); }
  bool Contains(const std::string& stem) const { return weights_.count(stem) > 0; }
  double WeightOf(const std::string& stem) const;
  // 0..1: the weight of the question's words that occur in `stems` (in any order).
  double Coverage(const std::vector<std::string>& stems) const;

 private:
  std::map<std::string, double> weights_;
  double total_ = 0;
};

struct Selection {
  std::vector<int> units;  // indices, in the order of the answer: best passage first, each as written
  double coverage = 0;  // 0..1 of the question's words, in what was chosen from one passage and its headings
};

// Chooses sentences, items and rows with at most `max_words` words together.
Selection SelectUnits(const ExtractInput& input, const QueryTerms& terms, const std::vector<Unit>& units,
                      int max_words);

// The one code unit that answers best; none when none speaks of at least that share of the question.
Selection SelectCode(const ExtractInput& input, const QueryTerms& terms, const std::vector<Unit>& units,
                     double least_coverage);

// The run of list items, in one passage, that answers best: at least two items, or none.
std::vector<int> SelectList(const ExtractInput& input, const QueryTerms& terms,
                            const std::vector<Unit>& units);

}  // namespace capeai::knowledge
