// Ranking: BM25F over the passages of an index, then over their documents.
// Everything that decides the order of search results is called from here, so
// that another ranker can take its place. Knows no SQL and no storage: sources
// of postings are handed in, whole segments and pending passages alike.
//
// BM25F: Zaragoza et al., "Microsoft Cambridge at TREC 13" (2004): weighted
// occurrences of all fields, each normalised by its own length, saturate together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/segment.hpp"

namespace capeai::knowledge {

struct RankOptions {
  double k1 = 1.2;
  double b = 0.75;  // of passages
  // b of whole documents: a long passage is wordy, a document of many passages
  // speaks of more.
  double document_b = 0.4;
  // Title, heading, keywords, body, parts. Parts are not normalised by length:
  // the words they are parts of have been counted in their fields already.
  std::array<double, kFields> weights = {4, 1.5, 1, 1, 0.25};
  // How much of a document's score comes from all of its passages together, the
  // rest from its best one.
  double document_share = 0.5;
};

// One term of the query. `weight` counts its occurrences.
struct QueryTerm {
  std::string term;
  double weight = 1;
};

struct RankedDocument {
  PassageKey best;   // its best passage
  double score = 0;  // BM25F, in nats; comparable within one query only
};

class Ranker {
 public:
  Ranker(std::vector<QueryTerm> terms, RankOptions options);

  const std::vector<QueryTerm>& terms() const { return terms_; }

  // A segment. `header` must outlive the ranker; `dead` is by ordinal, may be
  // empty; `postings` has one packed list for each term, empty where there is none.
  void AddSegment(const SegmentHeader* header, std::vector<bool> dead,
                  const std::vector<std::string_view>& postings);
  // A passage that is in no segment yet, by its packed term vector, which must live as
  // long as terms are replaced.
  void AddPassage(const PassageKey& key, std::string_view packed_vector);

  // When all is added, and before Rank(): which of terms() nothing that was added holds.
  std::vector<size_t> Missing() const;
  // Asks for `term` in the place of such a one. `postings`: a packed list for each segment,
  // in the order in which they were added.
  void Replace(size_t t, QueryTerm term, const std::vector<std::string_view>& postings);

  // The best `count` documents that hold any term, best first; ties by key.
  std::vector<RankedDocument> Rank(size_t count);

  // After Rank(): the score of an imagined passage that is all about the query,
  // a bound for every score. Terms unknown to the index count fully.
  double ideal() const { return ideal_; }
  // After Rank(): what each of terms() can bring at most; ideal() is their sum.
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  struct Source {
    const SegmentHeader* header = nullptr;
    std::vector<bool> dead;
    std::vector<std::vector<Posting>> postings;  // by term, live ones only
  };
  // Occurrences of a field count weight / (base + slope * length).
  struct FieldNorm {
    float weight = 0;
    float base = 1;
    float slope = 0;
  };
  using Norms = std::array<FieldNorm, kFields>;
  struct Place {
    uint32_t source = 0;
    uint32_t ordinal = 0;
    float score = 0;
  };

  void ReadLive(std::string_view packed, const Source& source, std::vector<Posting>& out) const;
  void FinishPending();
  void Measure();
  std::vector<Place> BestPassages(size_t count) const;
  Norms MakeNorms(const std::array<double, kFields>& sums, double count, double b) const;
  double DocumentScore(const Place& place) const;

  std::vector<QueryTerm> terms_;
  RankOptions options_;
  std::vector<Source> sources_;
  SegmentHeader pending_;
  std::vector<std::string_view> pending_vectors_;
  std::vector<std::vector<Posting>> pending_postings_;
  Norms passage_norms_;
  Norms document_norms_;
  std::vector<double> bounds_;  // by term: idf, times the term's weight and (k1 + 1)
  double ideal_ = 0;
};

}  // namespace capeai::knowledge
