// Chunks that are read without a document: whatever is taken for one is one, and
// says to whoever reads it in full exactly what was taken from it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "openai/errors.hpp"
#include "openai/message.hpp"
#include "openai/plain_chunk.hpp"
#include "openai/usage.hpp"
#include "openai/wire.hpp"

namespace {

using namespace capeai;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view chunk(reinterpret_cast<const char*>(data), size);
  std::string text = "before";
  if (!AppendPlainChunk(chunk, text)) {
    Require(text == "before");
    return 0;
  }
  ChatReply full;
  const Json json = ParseWire(chunk, &full.lossy);
  Require(json.is_object() && !HoldsError(json));
  Require(!ReadUsage(json["usage"], full.usage) && !ReadUsage(json["x_groq"]["usage"], full.usage));
  const Json choices = json["choices"];
  Require(choices.size() == 1 && choices[size_t{0}]["delta"].is_object());
  const Json choice = choices[size_t{0}];
  Require(choice["index"].integer().value_or(0) == 0 && !choice["finish_reason"].is_string());
  Require(!choice["delta"]["tool_calls"].is_array());
  ReadMessage(choice["delta"], full);
  Require("before" + full.text == text && full.refusal.empty() && full.reasoning.empty() && !full.lossy);
  return 0;
}
