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
  int unknown = 0;         // numbers that no passage has; dropped
};

// `numbers` is the model's list (1 is the first passage). Marks like [2] in `response` count too, if a
// passage has that number and they do not stand in code.
CheckedCitations CheckCitations(const std::vector<int64_t>& numbers, const std::string& response,
                                size_t passages);

// answer.citations: array of {number, document_id, passage_id, title, heading, url, type}. `number` is the
// mark in the text: the passage's place in the prompt or, `in_order`, the citation's place in the list.
Json CitationList(const std::vector<Passage>& passages, const std::vector<int>& cited, bool in_order);

// answer.resources: array of {title, url, type}, each document once: the cited ones first, then the others by
// rank, at most five unless more are cited. A document without a URL has url null.
Json MatchResources(const std::vector<Passage>& passages, const std::vector<int>& cited);

}  // namespace capeai
