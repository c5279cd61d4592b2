// Replies that are read without a document: whatever is taken for one says to
// whoever reads it in full exactly the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "openai/plain_body.hpp"
#include "openai/response.hpp"

namespace {

using namespace capeai;

void Require(bool condition) {
  if (!condition) std::abort();
}

auto All(const Usage& u) {
  return std::tie(u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.reasoning_tokens, u.reported);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto plain = ReadPlainBody(body);
  if (!plain) return 0;
  const ChatResult result = ParseChatBody(body, 0, {}, true);  // with the document, so in full
  const auto* full = std::get_if<ChatReply>(&result);
  Require(full && !full->lossy && full->refusal.empty() && full->reasoning.empty() && !full->tool_calls);
  Require(std::tie(full->id, full->model, full->text, full->finish_reason) ==
          std::tie(plain->id, plain->model, plain->text, plain->finish_reason));
  Require(full->usage.reported == plain->usage.reported);
  Require(!plain->usage.reported || All(full->usage) == All(plain->usage));
  return 0;
}
