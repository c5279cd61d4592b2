#include "api/answer.hpp"

#include "pg/session.hpp"
#include "pg/settings.hpp"

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

struct LastOne {
  Json answer;
  pg::Oid role = 0;
  std::string user_id;
};

// As long as the process; nothing to destroy at its end.
LastOne& Kept() {
  static auto* last = new LastOne;
  return *last;
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

Json LastAnswer() {
  const LastOne& last = Kept();
  const bool own = last.role == pg::CurrentCaller().role &&
                   (!pg::settings::RequireUserId() || last.user_id == pg::settings::UserId());
  return own ? last.answer : Json();
}

void KeepLastAnswer(Json answer) {
  Kept() = {std::move(answer), pg::CurrentCaller().role, pg::settings::UserId()};
}

}  // namespace capeai::api
