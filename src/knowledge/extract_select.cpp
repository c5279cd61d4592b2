#include "knowledge/extract_select.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

#include "knowledge/extract_fitness.hpp"
#include "knowledge/section_match.hpp"
#include "knowledge/stem.hpp"

namespace capeai::knowledge {
namespace {

// An answer is made of at most so many units, from at most so many passages.
constexpr int kMaxUnits = 6;
constexpr size_t kMaxPassages = 3;
// A further unit must bring this share of what the first one brought.
constexpr double kWorthwhile = 0.4;
// Of what the best of a section brought that was read from its beginning.
constexpr double kWorthwhileBesideLead = 0.6;
// What a code block counts for in such a section.
constexpr int kCodeWords = 10;
// Units that share this much of their words say the same.
constexpr double kSame = 0.7;
// A section whose heading matches the question this well is read from its beginning,
// for at most this share of the words that the answer may have.
constexpr double kSectionMatch = 0.4;
constexpr double kLeadShare = 0.7;

bool Has(const std::vector<std::string>& sorted, const std::string& stem) {
  return std::binary_search(sorted.begin(), sorted.end(), stem);
}

double Overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const size_t smaller = std::min(a.size(), b.size());
  if (smaller == 0) return 0;
  const auto common =
      std::count_if(a.begin(), a.end(), [&](const std::string& stem) { return Has(b, stem); });
  return static_cast<double>(common) / static_cast<double>(smaller);
}

// 0..1: whether a heading is about the question and about nothing else.
double HeadingMatch(const QueryTerms& terms, std::string_view heading) {
  const std::vector<std::string> stems = HeadingStems(heading);
  if (stems.empty()) return 0;
  const auto asked =
      std::count_if(stems.begin(), stems.end(), [&](const std::string& s) { return terms.Contains(s); });
  return terms.Coverage(stems) * static_cast<double>(asked) / static_cast<double>(stems.size());
}

class Selector {
 public:
  Selector(const ExtractInput& input, const QueryTerms& terms, const std::vector<Unit>& units)
      : terms_(terms), units_(units) {
    for (const SourcePassage& passage : input.passages) best_score_ = std::max(best_score_, passage.score);
    for (size_t p = 0; p < input.passages.size(); ++p) {
      const SourcePassage& passage = input.passages[p];
      heading_stems_.push_back(Sorted(Stems(passage.title + " " + passage.heading)));
      const double rank = 1.0 / (1.0 + 0.08 * static_cast<double>(p));
      const double score = best_score_ > 0 ? passage.score / best_score_ : 1;
      const std::string_view last = passage.heading.empty() ? passage.title : LastHeading(passage.heading);
      heading_match_.push_back(HeadingMatch(terms, last));
      title_match_.push_back(0.7 * HeadingMatch(terms, passage.title));
      factor_.push_back(rank * (0.5 + 0.5 * score));
    }
    for (size_t i = 0; i < units.size(); ++i) {
      const bool same = i > 0 && SameSection(i - 1, i);
      section_match_.push_back(same ? section_match_[i - 1] : SectionMatch(units[i]));
      fitness_.push_back(Fitness(units[i], input));
    }
  }

  // What unit `i` adds to an answer that has said `covered` already.
  double Gain(size_t i, const std::set<std::string>& covered) const {
    const Unit& unit = units_[i];
    double gain = 0, own = 0;
    for (const std::string& stem : unit.stems) {
      if (!terms_.Contains(stem)) continue;
      own += terms_.WeightOf(stem);
      gain += terms_.WeightOf(stem) * (covered.count(stem) > 0 ? 0.5 : 1);
    }
    // A section begins with its point: "work_mem" heads "Sets the amount of memory ...".
    const bool first = i == 0 || !SameSection(i - 1, i);
    if (own <= 0 && !first) return 0;
    for (const std::string& stem : Sorted(Stems(unit.under)))
      if (terms_.Contains(stem) && !Has(unit.stems, stem)) gain += 0.7 * terms_.WeightOf(stem);
    const size_t passage = static_cast<size_t>(unit.passage);
    for (const std::string& stem : heading_stems_[passage])
      if (terms_.Contains(stem) && !Has(unit.stems, stem))
        gain += (first && unit.under.empty() ? 0.8 : 0.3) * terms_.WeightOf(stem);
    if (first) gain *= 1.1;
    const double heading = std::max(section_match_[i], title_match_[passage]);
    return gain * fitness_[i] * factor_[passage] * (1 + heading);
  }

  Selection Select(int max_words) {
    double first_gain = Lead(static_cast<int>(max_words * kLeadShare));
    const double worthwhile = chosen_.empty() ? kWorthwhile : kWorthwhileBesideLead;
    for (int n = static_cast<int>(chosen_.size()); n < kMaxUnits; ++n) {
      const auto [best, gain] = Best(max_words - words_);
      if (best < 0 || gain <= 0 || gain < first_gain * worthwhile) break;
      if (n == 0) first_gain = gain;
      Take(static_cast<size_t>(best), max_words);
    }
    if (!chosen_.empty()) Continue(max_words);
    return Ordered();
  }

  // Whether no other section's heading asks the question much better than that of unit `i`.
  bool SectionAsks(size_t i) const {
    const int best = BestSection();
    return best < 0 || section_match_[i] >= 0.6 * section_match_[static_cast<size_t>(best)];
  }

  // How much of the question unit `i`, its headings and the unit that introduces it speak of.
  double Coverage(size_t i, bool introduced) const {
    std::vector<std::string> stems = heading_stems_[static_cast<size_t>(units_[i].passage)];
    for (const size_t j : {i, introduced ? i - 1 : i})
      stems.insert(stems.end(), units_[j].stems.begin(), units_[j].stems.end());
    for (std::string& stem : Stems(units_[i].under)) stems.push_back(std::move(stem));
    return terms_.Coverage(stems);
  }

  static std::vector<std::string> Sorted(std::vector<std::string> stems) {
    std::sort(stems.begin(), stems.end());
    stems.erase(std::unique(stems.begin(), stems.end()), stems.end());
    return stems;
  }

 private:
  bool SameSection(size_t a, size_t b) const {
    return units_[a].passage == units_[b].passage && units_[a].under == units_[b].under;
  }

  // How well the innermost heading that `unit` stands under matches the question.
  double SectionMatch(const Unit& unit) const {
    return unit.under.empty() ? heading_match_[static_cast<size_t>(unit.passage)]
                              : HeadingMatch(terms_, unit.under);
  }

  // Where the section begins whose heading asks the question, or -1.
  int BestSection() const {
    int best = -1;
    double best_match = 0;
    for (size_t i = 0; i < units_.size(); ++i) {
      const bool first = i == 0 || !SameSection(i - 1, i);
      const double match = section_match_[i] * factor_[static_cast<size_t>(units_[i].passage)];
      if (!first || section_match_[i] < kSectionMatch || match <= best_match) continue;
      best = static_cast<int>(i);
      best_match = match;
    }
    return best;
  }

  // Takes the beginning of that section as it is written. Returns the best gain in it.
  double Lead(int max_words) {
    const int begin = BestSection();
    double best = 0;
    if (begin < 0) return best;
    lead_ = static_cast<size_t>(begin);
    for (size_t i = lead_; i < units_.size() && SameSection(lead_, i); ++i) {
      const UnitKind kind = units_[i].kind;
      const bool introduced = i > 0 && units_[i - 1].code == static_cast<int>(i);
      if (introduced) continue;  // it comes with what introduces it
      if (kind != UnitKind::kCode && chosen_.empty() && Dangles(units_[i].text)) continue;
      const int words = kind == UnitKind::kCode ? kCodeWords : WordCount(units_[i].text);
      const bool table = kind == UnitKind::kRow && !chosen_.empty() && units_[i - 1].kind != UnitKind::kRow;
      if (words_ + words > max_words || table) {
        // A sentence that introduces what does not follow.
        if (i > lead_ && chosen_.size() > 1 && units_[i - 1].text.ends_with(':')) dropped_.insert(i - 1);
        break;
      }
      best = std::max(best, Gain(i, covered_));
      if (kind == UnitKind::kCode) {
        Choose({i}, words);
      } else {
        Take(i, max_words);
      }
    }
    return best;
  }

  std::pair<int, double> Best(int words_left) const {
    int best = -1;
    double best_gain = 0;
    for (size_t i = 0; i < units_.size(); ++i) {
      if (units_[i].kind == UnitKind::kCode || chosen_.count(i) > 0) continue;
      const double gain = Gain(i, covered_);
      if (gain <= best_gain || WordCount(units_[i].text) > words_left || Repeats(i) || !PassageAllowed(i))
        continue;
      best = static_cast<int>(i);
      best_gain = gain;
    }
    return {best, best_gain};
  }

  bool Repeats(size_t i) const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](size_t j) { return Overlap(units_[i].stems, units_[j].stems) >= kSame; });
  }

  bool PassageAllowed(size_t i) const {
    return passages_.size() < kMaxPassages ||
           std::find(passages_.begin(), passages_.end(), units_[i].passage) != passages_.end();
  }

  bool SameParagraph(size_t a, size_t b) const {
    return units_[a].passage == units_[b].passage && units_[a].paragraph == units_[b].paragraph;
  }

  // Takes unit `i`, and before it the sentences that it leans on; nothing if those do not fit.
  void Take(size_t i, int max_words) {
    std::vector<size_t> group{i};
    int words = WordCount(units_[i].text);
    while (Dangles(units_[group.back()].text)) {
      const size_t at = group.back();
      if (at == 0 || units_[at - 1].passage != units_[at].passage ||
          units_[at - 1].kind != UnitKind::kSentence)
        break;
      if (chosen_.count(at - 1) > 0) {
        words = words_ + words <= max_words ? words : max_words + 1;
        break;
      }
      group.push_back(at - 1);
      words += WordCount(units_[at - 1].text);
    }
    const bool stands =
        !Dangles(units_[group.back()].text) || (group.back() > 0 && chosen_.count(group.back() - 1) > 0);
    chosen_.insert(i);  // not looked at again
    if (!stands || words_ + words > max_words) {
      dropped_.insert(i);
      return;
    }
    Choose(group, words);
  }

  void Choose(const std::vector<size_t>& group, int words) {
    words_ += words;
    const int passage = units_[group[0]].passage;
    if (std::find(passages_.begin(), passages_.end(), passage) == passages_.end())
      passages_.push_back(passage);
    for (const size_t j : group) {
      chosen_.insert(j);
      for (const std::string& stem : units_[j].stems)
        if (terms_.Contains(stem)) covered_.insert(stem);
    }
  }

  // A short answer goes on with the sentence behind its best one: explanations run on.
  void Continue(int max_words) {
    for (const size_t i : std::set<size_t>(chosen_)) {
      const size_t next = i + 1;
      if (dropped_.count(i) > 0 || words_ * 2 > max_words || next >= units_.size() || chosen_.count(next) > 0)
        continue;
      const int words = WordCount(units_[next].text);
      const bool leads_on =
          (units_[next].text.ends_with(":") && units_[next].code < 0) || units_[next].text[0] == '(';
      if (!SameParagraph(i, next) || units_[next].kind != UnitKind::kSentence || leads_on ||
          words_ + words > max_words || Repeats(next))
        continue;
      chosen_.insert(next);
      words_ += words;
    }
  }

  // By passage, the one with the best unit first; within it as written, but for the section that asks the
  // question, which comes first.
  Selection Ordered() const {
    Selection selection;
    for (const int passage : passages_) {
      std::vector<std::string> stems = heading_stems_[static_cast<size_t>(passage)];
      const auto begin = static_cast<ptrdiff_t>(selection.units.size());
      for (const size_t i : chosen_) {
        if (units_[i].passage != passage || dropped_.count(i) > 0) continue;
        selection.units.push_back(static_cast<int>(i));
        stems.insert(stems.end(), units_[i].stems.begin(), units_[i].stems.end());
        for (std::string& stem : Stems(units_[i].under)) stems.push_back(std::move(stem));
      }
      std::stable_partition(selection.units.begin() + begin, selection.units.end(),
                            [&](int i) { return SameSection(lead_, static_cast<size_t>(i)); });
      selection.coverage = std::max(selection.coverage, terms_.Coverage(stems));
    }
    return selection;
  }

  const QueryTerms& terms_;
  const std::vector<Unit>& units_;
  double best_score_ = 0;
  std::vector<double> factor_;                           // of each passage
  std::vector<double> heading_match_;                    // of each passage's innermost heading
  std::vector<double> title_match_;                      // of each passage's title
  std::vector<double> section_match_;                    // of each unit's innermost heading
  std::vector<double> fitness_;                          // of each unit
  std::vector<std::vector<std::string>> heading_stems_;  // of each passage, sorted
  size_t lead_ = 0;  // where the section begins that asks the question, if one does
  std::set<size_t> chosen_;
  std::vector<int> passages_;  // in the order in which they came in
  std::set<size_t> dropped_;   // of chosen_: they lean on what did not fit
  std::set<std::string> covered_;
  int words_ = 0;
};

}  // namespace

QueryTerms::QueryTerms(std::string_view query, const std::vector<Unit>& units) {
  for (const std::string& stem : Stems(query)) weights_[stem] = 0;
  const double n = static_cast<double>(units.size());
  for (auto& entry : weights_) {
    const std::string& stem = entry.first;
    const auto with =
        std::count_if(units.begin(), units.end(), [&](const Unit& unit) { return Has(unit.stems, stem); });
    entry.second = std::log(1 + n / std::max(static_cast<double>(with), 1.0));
    if (stem.size() <= 2) entry.second *= 0.5;
    total_ += entry.second;
  }
}

double QueryTerms::WeightOf(const std::string& stem) const {
  const auto found = weights_.find(stem);
  return found == weights_.end() || total_ <= 0 ? 0 : found->second / total_;
}

double QueryTerms::Coverage(const std::vector<std::string>& stems) const {
  double covered = 0;
  for (const std::string& stem : std::set<std::string>(stems.begin(), stems.end())) covered += WeightOf(stem);
  return std::min(covered, 1.0);
}

Selection SelectUnits(const ExtractInput& input, const QueryTerms& terms, const std::vector<Unit>& units,
                      int max_words) {
  return Selector(input, terms, units).Select(max_words);
}

Selection SelectCode(const ExtractInput& input, const QueryTerms& terms, const std::vector<Unit>& units,
                     double least_coverage) {
  const Selector selector(input, terms, units);
  Selection best;
  double best_gain = 0;
  for (size_t i = 0; i < units.size(); ++i) {
    if (units[i].kind != UnitKind::kCode) continue;
    const bool introduced = i > 0 && units[i - 1].code == static_cast<int>(i);
    const double coverage = selector.Coverage(i, introduced);
    if (coverage < least_coverage) continue;
    double gain = selector.Gain(i, {}) + (introduced ? selector.Gain(i - 1, {}) : 0);
    if (std::count(units[i].text.begin(), units[i].text.end(), '\n') > 25) gain *= 0.5;
    if (gain <= best_gain) continue;
    best = {{static_cast<int>(i)}, coverage};
    best_gain = gain;
  }
  return best;
}

std::vector<int> SelectList(const ExtractInput& input, const QueryTerms& terms,
                            const std::vector<Unit>& units) {
  const Selector selector(input, terms, units);
  std::vector<int> best;
  double best_gain = 0;
  for (size_t begin = 0; begin < units.size();) {
    size_t end = begin;
    std::vector<int> run;
    double gain =
        begin > 0 && units[begin - 1].passage == units[begin].passage ? selector.Gain(begin - 1, {}) : 0;
    for (; end < units.size() && units[end].passage == units[begin].passage; ++end) {
      if (units[end].in_item && !run.empty()) continue;  // more of the item before
      if (units[end].kind != UnitKind::kItem || units[end].under != units[begin].under) break;
      run.push_back(static_cast<int>(end));
      gain += selector.Gain(end, {}) / 3;
    }
    const bool numbered = !run.empty() && units[static_cast<size_t>(run[0])].marker.back() == '.';
    if (numbered) gain *= units[static_cast<size_t>(run[0])].marker == "1." ? 1.5 : 1.1;
    if (run.size() >= 2 && gain > best_gain && selector.SectionAsks(begin)) {
      best = run;
      best_gain = gain;
    }
    begin = std::max(end, begin + 1);
  }
  return best_gain >= 0.35 ? best : std::vector<int>();
}

}  // namespace capeai::knowledge
