// Cutting a document into passages, the unit that is indexed, ranked, sent to
// a model and cited. Pure and deterministic; knows no tokenizer.
#pragma once

#include <string>
#include <vector>

#include "knowledge/document.hpp"

namespace capeai::knowledge {

// Tokens are EstimateTokens() of knowledge/text.hpp. passage_tokens is held
// within 32..8192, overlap_tokens within 0..passage_tokens / 2.
struct ChunkOptions {
  int passage_tokens = 300;
  int overlap_tokens = 40;
};

struct Chunk {
  std::string heading;  // path, outermost first, joined by " > "; may be empty
  std::string text;     // readable, Markdown-like: lists, ``` fences, | tables |
  int ordinal = 0;      // 0.. in reading order
  int tokens = 0;       // EstimateTokens(text)
};

// A code block or table of up to this many times passage_tokens stays whole.
inline constexpr int kWholeBlockFactor = 4;

// Cuts along headings. What is promised:
// - every visible character of the document is in the text or heading of a passage;
// - a passage has at most passage_tokens, its overlap included, except for one
//   code block or table (with the line that introduces it), which stays whole up
//   to kWholeBlockFactor * passage_tokens and is cut between lines beyond that,
//   each piece with its own fence or with the table's header repeated;
// - neighbouring sections under one heading share a passage while they are small;
//   their headings then stand in the text;
// - where a section is cut, the next passage begins with the last sentences of
//   the one before, up to overlap_tokens;
// - a document without visible text gives no passage.
std::vector<Chunk> CutPassages(const Document& document, const ChunkOptions& options = {});

}  // namespace capeai::knowledge
