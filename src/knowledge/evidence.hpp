// How much a search score says. A score is the share of the question that a passage
// holds; of a question of two words chance alone finds half, of one of nine hardly
// four. So the same share of a longer question is more evidence.
#pragma once

#include <cstddef>
#include <string_view>

namespace capeai::knowledge {

// Below this nothing is said to be relevant. Measured, see docs/relevance.md ("Confidence").
inline constexpr double kLeastEvidence = 0.45;
// Below this it is said that the answer may be another.
inline constexpr double kFairEvidence = 0.65;

// Words of a question that say something about its subject, each once; at least 1.
size_t TellingWords(std::string_view question);

// `share` (a search score, or any share of the question, 0..1) times the square root of how many
// words the question has: about how many words more than chance were met.
double Evidence(double share, size_t telling_words);

// 0..1: the share of the question's telling words that one sentence (or line) of `text` holds together.
double BestSentence(std::string_view question, std::string_view text);

}  // namespace capeai::knowledge
