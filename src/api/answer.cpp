#include "api/answer.hpp"

namespace capeai::api {
namespace {

pg::CellText Cell(const Json& value) {
  if (!value || value.is_null()) return std::nullopt;
  if (const auto text = value.string()) return *text;
  return value.Dump();
}

pg::CellText ArrayCell(const Json& array) {
  if (!array.is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (size_t i = 0; i < array.size(); ++i) texts.push_back(array[i].string_or(""));
  return pg::ArrayLiteral(texts);
}

// As long as the process; nothing to destroy at its end.
Json& Kept() {
  static auto* answer = new Json;
  return *answer;
}

}  // namespace

std::vector<pg::CellText> AnswerCells(const Json& a) {
  return {Cell(a["response"]),
          ArrayCell(a["suggestions"]),
          Cell(a["resources"]),
          Cell(a["citations"]),
          Cell(a["confidence_score"]),
          Cell(a["grounded"]),
          Cell(a["finish_reason"]),
          Cell(a["processing_time_ms"]),
          Cell(a["task_id"]),
          Cell(a["conversation"]),
          Cell(a["model"]),
          Cell(a["usage"])};
}

const Json& LastAnswer() { return Kept(); }
void KeepLastAnswer(Json answer) { Kept() = std::move(answer); }

}  // namespace capeai::api
