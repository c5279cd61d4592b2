#include "knowledge/rank.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace capeai::knowledge {

Ranker::Ranker(std::vector<QueryTerm> terms, RankOptions options)
    : terms_(std::move(terms)), options_(options), pending_postings_(terms_.size()) {}

void Ranker::AddSegment(const SegmentHeader* header, std::vector<bool> dead,
                        const std::vector<std::string_view>& postings) {
  Source source{header, std::move(dead), {}};
  source.postings.resize(terms_.size());
  for (size_t t = 0; t < terms_.size(); ++t) ReadLive(postings[t], source, source.postings[t]);
  sources_.push_back(std::move(source));
}

void Ranker::ReadLive(std::string_view packed, const Source& source, std::vector<Posting>& out) const {
  ReadPostings(packed, out);
  while (!out.empty() && out.back().ordinal >= source.header->size()) out.pop_back();
  if (source.dead.empty()) return;
  std::erase_if(out, [&](const Posting& posting) { return source.dead[posting.ordinal]; });
}

void Ranker::AddPassage(const PassageKey& key, std::string_view packed_vector) {
  TermVectorReader vector(packed_vector);
  const uint32_t ordinal = static_cast<uint32_t>(pending_.size());
  pending_.keys.push_back(key);
  pending_.lengths.push_back(vector.lengths());
  pending_vectors_.push_back(packed_vector);
  while (vector.Next()) {
    for (size_t t = 0; t < terms_.size(); ++t)
      if (terms_[t].term == vector.term()) pending_postings_[t].push_back({ordinal, vector.counts()});
  }
}

std::vector<size_t> Ranker::Missing() const {
  std::vector<size_t> missing;
  for (size_t t = 0; t < terms_.size(); ++t) {
    const bool found =
        !pending_postings_[t].empty() || std::any_of(sources_.begin(), sources_.end(),
                                                     [t](const Source& s) { return !s.postings[t].empty(); });
    if (!found) missing.push_back(t);
  }
  return missing;
}

void Ranker::Replace(size_t t, QueryTerm term, const std::vector<std::string_view>& postings) {
  terms_[t] = std::move(term);
  for (size_t s = 0; s < sources_.size(); ++s) ReadLive(postings[s], sources_[s], sources_[s].postings[t]);
  for (size_t i = 0; i < pending_vectors_.size(); ++i)
    for (TermVectorReader vector(pending_vectors_[i]); vector.Next();)
      if (vector.term() == terms_[t].term)
        pending_postings_[t].push_back({static_cast<uint32_t>(i), vector.counts()});
}

void Ranker::FinishPending() {
  if (pending_.size() == 0) return;
  sources_.push_back({&pending_, {}, std::move(pending_postings_)});
}

Ranker::Norms Ranker::MakeNorms(const std::array<double, kFields>& sums, double count, double b) const {
  Norms norms;
  for (size_t f = 0; f < kFields; ++f) {
    norms[f].weight = static_cast<float>(options_.weights[f]);
    if (f == kParts || sums[f] == 0) continue;
    norms[f].base = static_cast<float>(1 - b);
    norms[f].slope = static_cast<float>(b * count / sums[f]);
  }
  return norms;
}

// Counts what lives: passages, documents, lengths, and in how many passages
// each term stands.
void Ranker::Measure() {
  double passages = 0, documents = 0;
  std::array<double, kFields> sums{};
  for (const Source& source : sources_) {
    const SegmentTotals totals = Totals(*source.header, source.dead);
    passages += totals.passages;
    documents += totals.documents;
    for (size_t f = 0; f < kFields; ++f) sums[f] += totals.lengths[f];
  }
  passage_norms_ = MakeNorms(sums, passages, options_.b);
  document_norms_ = MakeNorms(sums, documents, options_.document_b);
  ideal_ = 0;
  bounds_.clear();
  for (size_t t = 0; t < terms_.size(); ++t) {
    double found = 0;
    for (const Source& source : sources_) found += static_cast<double>(source.postings[t].size());
    const double idf = std::log(1 + (passages - found + 0.5) / (found + 0.5));
    bounds_.push_back(idf * terms_[t].weight * (options_.k1 + 1));
    ideal_ += bounds_.back();
  }
}

namespace {

// Occurrences in all fields, weighted and normalised.
template <class Counts, class Norms>
float Weighted(const Counts& counts, const Counts& lengths, const Norms& norms) {
  float sum = 0;
  for (size_t f = 0; f < kFields; ++f) {
    if (counts[f] == 0) continue;
    sum += norms[f].weight * static_cast<float>(counts[f]) /
           (norms[f].base + norms[f].slope * static_cast<float>(lengths[f]));
  }
  return sum;
}

}  // namespace

std::vector<Ranker::Place> Ranker::BestPassages(size_t count) const {
  std::vector<Place> best;
  const auto better = [](const Place& a, const Place& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.source != b.source ? a.source < b.source : a.ordinal < b.ordinal;
  };
  // Places come in the order in which equal scores are ranked: of those to come none that
  // scores as little as the last one kept can be among the best.
  float least = 0;
  const auto keep = [&] {
    std::nth_element(best.begin(), best.begin() + static_cast<ptrdiff_t>(count) - 1, best.end(), better);
    best.resize(count);
    return best.back().score;
  };
  const float k1 = static_cast<float>(options_.k1);
  std::vector<float> scores;
  for (uint32_t s = 0; s < sources_.size(); ++s) {
    const Source& source = sources_[s];
    const std::vector<FieldCounts>& lengths = source.header->lengths;
    scores.assign(lengths.size(), 0);
    for (size_t t = 0; t < terms_.size(); ++t) {
      const float idf = static_cast<float>(bounds_[t]);
      for (const Posting& posting : source.postings[t]) {
        const float weighted = Weighted(posting.counts, lengths[posting.ordinal], passage_norms_);
        scores[posting.ordinal] += idf * weighted / (weighted + k1);
      }
    }
    for (uint32_t i = 0; i < scores.size(); ++i) {
      if (scores[i] <= least) continue;
      best.push_back({s, i, scores[i]});
      if (best.size() == 2 * count) least = keep();
    }
  }
  if (best.size() > count) keep();
  std::sort(best.begin(), best.end(), better);
  return best;
}

// BM25F of the whole document that `place` is a passage of.
double Ranker::DocumentScore(const Place& place) const {
  const Source& source = sources_[place.source];
  const std::vector<PassageKey>& keys = source.header->keys;
  const int64_t document = keys[place.ordinal].document;
  uint32_t begin = place.ordinal, end = place.ordinal + 1;
  while (begin > 0 && keys[begin - 1].document == document) --begin;
  while (end < keys.size() && keys[end].document == document) ++end;

  std::array<uint32_t, kFields> length{};
  for (uint32_t i = begin; i < end; ++i) {
    if (!source.dead.empty() && source.dead[i]) continue;
    for (size_t f = 0; f < kFields; ++f) length[f] += source.header->lengths[i][f];
  }
  double score = 0;
  for (size_t t = 0; t < terms_.size(); ++t) {
    std::array<uint32_t, kFields> counts{};
    auto at = std::lower_bound(source.postings[t].begin(), source.postings[t].end(), begin,
                               [](const Posting& posting, uint32_t o) { return posting.ordinal < o; });
    for (; at != source.postings[t].end() && at->ordinal < end; ++at)
      for (size_t f = 0; f < kFields; ++f) counts[f] += at->counts[f];
    const double weighted = Weighted(counts, length, document_norms_);
    score += bounds_[t] * weighted / (weighted + options_.k1);
  }
  return score;
}

std::vector<RankedDocument> Ranker::Rank(size_t count) {
  FinishPending();
  Measure();
  std::vector<RankedDocument> ranked;
  std::unordered_map<int64_t, size_t> seen;
  // Documents of many passages may fill the list: four passages for each wanted.
  for (const Place& place : BestPassages(count * 4 + 100)) {
    const PassageKey key = sources_[place.source].header->keys[place.ordinal];
    if (!seen.emplace(key.document, ranked.size()).second) continue;
    const double share = options_.document_share;
    ranked.push_back({key, (1 - share) * place.score + (share > 0 ? share * DocumentScore(place) : 0)});
  }
  std::sort(ranked.begin(), ranked.end(), [](const RankedDocument& a, const RankedDocument& b) {
    return a.score != b.score ? a.score > b.score : a.best < b.best;
  });
  if (ranked.size() > count) ranked.resize(count);
  return ranked;
}

}  // namespace capeai::knowledge
