// capeai_stream: an answer's text piece by piece, for a cursor.
#include "api/answer.hpp"
#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "pg/generator.hpp"

namespace capeai::api {
namespace {

// Each value is the text that arrived together. The request is dropped with this.
class AnswerStream final : public pg::TextGenerator {
 public:
  explicit AnswerStream(AskRequest request) : pending_(std::move(request)) {}

  std::optional<std::string> Next() override {
    while (true) {
      AskReply reply = pending_.Next();
      if (reply.kind == AskReply::Kind::kAnswer) {
        KeepLastAnswer(std::move(reply.answer));
        return std::nullopt;
      }
      // The worker tries again, but what was fetched cannot be taken back.
      if (reply.kind == AskReply::Kind::kReset && begun_) pg::Raise(reply.error);
      if (reply.kind != AskReply::Kind::kDelta) continue;
      pending_.Credit(reply.text);
      begun_ = true;
      return std::move(reply.text);
    }
  }

 private:
  PendingAsk pending_;
  bool begun_ = false;
};

std::unique_ptr<pg::TextGenerator> BeginStream(FunctionCallInfo fcinfo) {
  RequireWorker("ask");
  AskArguments arguments = ReadAskArguments(fcinfo, 1);
  arguments.query = RequiredText(fcinfo, 0, "query", kMaxDescriptionChars);
  return std::make_unique<AnswerStream>(PrepareAsk(arguments, true));
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_stream) { return pg::GenerateTexts(fcinfo, api::BeginStream); }
