// How likely an answer is what the documentation says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/citations.hpp"
#include "agent/host.hpp"

namespace capeai {

// 0..1, comparable between questions:
//
//   confidence = s (0.6 r + 0.4 m)
//
// r: retrieval, RetrievalStrength(). m: the model's own word, 0.5 if it gave none. s: the share of its
// citations that exist; 1/4 if it cited nothing that it was given. What the figures are worth:
// docs/relevance.md.
double ConfidenceScore(const std::string& question, const std::vector<Passage>& passages,
                       const CheckedCitations& citations, std::optional<double> own_word);

// 0..1: 1 - exp(-0.6 e (1 + b) (1 + d / 4)). e: the evidence of the best cited passage (of the best of all,
// if none is cited), see knowledge/evidence.hpp. b: the share of the question that one sentence of it holds.
// d: how far its score stands out from the mean of the next five of other documents, 0..1; those that are
// missing count as 0. Without passages 0.
double RetrievalStrength(const std::string& question, const std::vector<Passage>& passages,
                         const std::vector<int>& cited);

}  // namespace capeai
