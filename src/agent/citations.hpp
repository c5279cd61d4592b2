// What an answer rests on: citations checked against the passages that were
// sent, links to read on, and how sure one may be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/host.hpp"
#include "openai/json.hpp"

namespace capeai {

struct CheckedCitations {
  std::vector<int> cited;  // indices into the passages, each once, in the order of their first mention
  int unknown = 0;         // numbers that no passage has; dropped
};

// `numbers` is the model's list (1 is the first passage). Marks like [2] in `response` count too, if a
// passage has that number and they do not stand in code.
CheckedCitations CheckCitations(const std::vector<int64_t>& numbers, const std::string& response,
                                size_t passages);

// answer.citations: array of {number, document_id, passage_id, title, heading, url, type}.
Json CitationList(const std::vector<Passage>& passages, const std::vector<int>& cited);

// answer.resources: array of {title, url, type}, each document once: the cited ones first, then the others by
// rank, at most five unless more are cited. A document without a URL has url null.
Json MatchResources(const std::vector<Passage>& passages, const std::vector<int>& cited);

// How likely the answer is what the documentation says, 0..1:
//
//   cited something it was given     0.50 r + 0.20 c + 0.30 m
//   cited nothing                    0.25 (0.50 r + 0.50 m)
//
// r: retrieval strength, the best score among the cited passages (among all, if none is cited), 0 without
// any; c: the share of its citations that exist; m: the model's own word, 0.5 if it gave none.
double ConfidenceScore(const std::vector<Passage>& passages, const CheckedCitations& citations,
                       std::optional<double> own_word);

}  // namespace capeai
