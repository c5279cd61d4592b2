// What an answer rests on: citations checked against the passages that were
// sent, and links to read on.
#pragma once

#include <string>
#include <vector>

#include "agent/host.hpp"
#include "openai/json.hpp"

namespace capeai {

struct CheckedCitations {
  std::vector<int> cited;  // indices into the passages, each once, in the order of their first mention
  int unknown = 0;         // different numbers that no passage has; dropped
};

// `numbers` is the model's list (1 is the first passage). Marks like [2] or [1, 3] in `response` count too,
// where they stand alone and not in code.
CheckedCitations CheckCitations(const std::vector<int64_t>& numbers, const std::string& response,
                                size_t passages);

// `response` without the numbers in marks that no passage has.
std::string WithoutUnknownMarks(const std::string& response, size_t passages);

// answer.citations: array of {number, document_id, passage_id, title, heading, url, type}. `number` is the
// mark in the text: the passage's place in the prompt or, `in_order`, the citation's place in the list.
Json CitationList(const std::vector<Passage>& passages, const std::vector<int>& cited, bool in_order);

// answer.resources: array of {title, url, type}, each document once: the cited ones first, then the others by
// rank, at most five unless more are cited. A document without a URL has url null.
Json MatchResources(const std::vector<Passage>& passages, const std::vector<int>& cited);

}  // namespace capeai
