// An answer as the worker sends it (AskReply::answer) and as SQL sees it
// (capeai.answer).
#pragma once

#include <vector>

#include "openai/json.hpp"
#include "pg/args.hpp"

namespace capeai::api {

// The columns of capeai.answer, in their order.
std::vector<pg::CellText> AnswerCells(const Json& answer);

// What capeai_last_answer() gives: this session's last ask, answer or stream.
// Empty if there was none, or if it was for another role or, where
// capeai.require_user_id is on, another user: pools hand sessions on.
Json LastAnswer();
void KeepLastAnswer(Json answer);

}  // namespace capeai::api
