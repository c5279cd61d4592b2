// Follow-up questions phrased from headings. Internal to the extractive answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "knowledge/extract.hpp"

namespace capeai::knowledge {

// "Creating a Database" -> "How do I create a database?", "work_mem (integer)" ->
// "What does work_mem do?", "Row Security Policies" -> "What are row security
// policies?". Chapter numbers are dropped. "" for a heading that names no subject.
std::string QuestionFromHeading(std::string_view heading);

// At most `limit` questions from the headings of `passages`, first those of
// passages that the answer did not use; none is about the best one, none that repeats the question.
std::vector<std::string> SuggestQuestions(std::string_view query, const std::vector<SourcePassage>& passages,
                                          const std::vector<int>& used, size_t limit);

}  // namespace capeai::knowledge
