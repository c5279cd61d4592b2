// What makes a unit fit to stand in an answer, whatever the question's words are.
// Internal to the extractive answer.
#pragma once

#include <string_view>

#include "knowledge/extract_units.hpp"

namespace capeai::knowledge {

// Number of words, as Words() finds them.
int WordCount(std::string_view text);

// Whether a sentence leans on the one before it ("This", "However, ...").
bool Dangles(std::string_view sentence);

// What speaks for (above 1) or against (below 1) a unit apart from the question's words.
double Fitness(const Unit& unit, const ExtractInput& input);

}  // namespace capeai::knowledge
