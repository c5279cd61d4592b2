// capeai_ask_many: many questions in one statement, all in flight at once.
#include <deque>

#include "api/answer.hpp"
#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "pg/session.hpp"

namespace capeai::api {
namespace {

// Asked and not yet in the result. Beyond it the next question waits for the
// first of them, which bounds the memory of answers that arrive out of order.
constexpr size_t kMaxAhead = 10000;

// What ends the statement, whichever question it met.
bool EndsStatement(const Error& error) { return error.sqlstate.starts_with("57"); }

class Questions {
 public:
  Questions(FunctionCallInfo fcinfo, const AskTemplate& asks) : asks_(asks), rows_(fcinfo) {}

  void Ask(const std::optional<std::string>& query) {
    waiting_.push_back(Begin(query));
    while (!waiting_.empty() && Emit(waiting_.size() > kMaxAhead)) continue;
  }
  void Finish() {
    while (!waiting_.empty()) Emit(true);
  }

 private:
  // One of both.
  struct Item {
    std::unique_ptr<PendingAsk> ask;
    Error error;
  };

  Item Begin(const std::optional<std::string>& query) {
    pg::CheckInterrupts();
    AskRequest request;
    try {
      if (!query) pg::Raise(sqlstate::kInvalidParameter, "query must not be null");
      request = asks_.Prepare(*query, true);
    } catch (const pg::PgError& e) {
      if (EndsStatement(e.error())) throw;
      return {nullptr, e.error()};
    }
    return {std::make_unique<PendingAsk>(std::move(request)), {}};
  }

  // Moves the first of those that wait to the result; false if it has no answer yet.
  bool Emit(bool wait) {
    Item& item = waiting_.front();
    AskReply reply;
    reply.kind = AskReply::Kind::kError;
    reply.error = item.error;
    if (item.ask) {
      auto arrived = item.ask->Take(wait);
      if (!arrived) return false;
      reply = std::move(*arrived);
    }
    const std::string ordinal = std::to_string(++emitted_);
    if (reply.kind == AskReply::Kind::kAnswer)
      rows_.Add({ordinal, pg::RowLiteral(AnswerCells(reply.answer)), std::nullopt, std::nullopt});
    else
      rows_.Add({ordinal, std::nullopt, reply.error.sqlstate, reply.error.message});
    waiting_.pop_front();
    return true;
  }

  const AskTemplate& asks_;
  pg::RowSet rows_;
  std::deque<Item> waiting_;  // in the order of the questions
  int64_t emitted_ = 0;
};

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_ask_many) {
  api::RequireWorker("ask");
  const api::AskArguments arguments = api::ReadAskArguments(fcinfo, 1);
  api::LimitMegabytes(fcinfo, 0, "queries", api::kMaxArrayMegabytes);
  const auto queries = pg::TextArrayArg(fcinfo, 0);
  if (!queries) pg::Raise(sqlstate::kInvalidParameter, "queries must not be null");
  const api::AskTemplate asks(arguments, false);
  api::Questions questions(fcinfo, asks);
  for (const auto& query : *queries) questions.Ask(query);
  questions.Finish();
  return 0;
}
