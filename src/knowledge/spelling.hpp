// Forgiving slips of the pen: the indexed term nearest to a word that the index
// does not know. Knows no dictionary; terms are offered one by one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capeai::knowledge {

// Insertions, deletions, replacements and swaps of neighbours (bytes) that turn
// one word into the other, or limit + 1 if it takes more than `limit`.
int EditDistance(std::string_view a, std::string_view b, int limit);

class NearestTerm {
 public:
  explicit NearestTerm(std::string_view word);

  // False for words that are too short to be corrected, or have anything but
  // letters: a wrong version number must not find another.
  bool possible() const { return limit_ > 0; }
  // Terms that begin otherwise need not be offered.
  const std::string& prefix() const { return prefix_; }

  // `weight` grows with how often the term is used: of equally near ones the
  // most used is taken.
  void Offer(std::string_view term, size_t weight);
  // Empty if nothing was near enough.
  const std::string& best() const { return best_; }

 private:
  std::string word_;
  std::string prefix_;
  int limit_ = 0;  // slips that are forgiven
  int distance_ = 0;
  size_t weight_ = 0;
  std::string best_;
};

}  // namespace capeai::knowledge
