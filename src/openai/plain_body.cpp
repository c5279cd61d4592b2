#include "openai/plain_body.hpp"

#include "base/utf8.hpp"
#include "openai/json_cursor.hpp"

namespace capeai {
namespace {

bool Once(bool& seen) { return JsonCursor::Once(seen); }

bool ReadMessage(JsonCursor& cursor, ChatReply& reply) {
  bool content = false;
  return cursor.Object([&](std::string_view name) {
    if (name == "role") return cursor.Scalar();
    if (name != "content") return cursor.Nothing();
    return Once(content) && (cursor.Null() || cursor.Text(reply.text));
  });
}

bool ReadChoice(JsonCursor& cursor, ChatReply& reply) {
  bool message = false, finish = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "message") return Once(message) && ReadMessage(cursor, reply);
    if (name == "finish_reason") return Once(finish) && (cursor.Null() || cursor.Text(reply.finish_reason));
    return name == "index" ? cursor.Zero() : cursor.Nothing();
  });
  return whole && message;
}

// The member `wanted` of an object of numbers, or null.
bool ReadDetails(JsonCursor& cursor, std::string_view wanted, int64_t& count) {
  bool seen = false;
  return cursor.Null() || cursor.Object([&](std::string_view name) {
    if (name != wanted) return cursor.Scalar();
    return Once(seen) && (cursor.Null() || cursor.Count(count));
  });
}

bool ReadUsage(JsonCursor& cursor, Usage& usage) {
  bool prompt = false, completion = false, cached = false, reasoning = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "prompt_tokens") return Once(prompt) && cursor.Count(usage.prompt_tokens);
    if (name == "completion_tokens") return Once(completion) && cursor.Count(usage.completion_tokens);
    if (name == "prompt_tokens_details")
      return Once(cached) && ReadDetails(cursor, "cached_tokens", usage.cached_tokens);
    if (name == "completion_tokens_details")
      return Once(reasoning) && ReadDetails(cursor, "reasoning_tokens", usage.reasoning_tokens);
    return cursor.Scalar();
  });
  usage.reported = prompt || completion;
  return whole && usage.reported;
}

bool ReadBody(JsonCursor& cursor, ChatReply& reply) {
  bool choices = false, usage = false, id = false, model = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "choices")
      return Once(choices) && cursor.Eat('[') && ReadChoice(cursor, reply) && cursor.Eat(']');
    if (name == "usage") return Once(usage) && (cursor.Null() || ReadUsage(cursor, reply.usage));
    if (name == "id") return Once(id) && (cursor.Null() || cursor.Text(reply.id));
    if (name == "model") return Once(model) && (cursor.Null() || cursor.Text(reply.model));
    if (name == "error") return cursor.Null();
    std::string_view kind;
    if (name == "object") return cursor.String(kind) && kind != "error";
    return cursor.Scalar();
  });
  return whole && choices && cursor.AtEnd();
}

}  // namespace

std::optional<ChatReply> ReadPlainBody(std::string_view body) {
  if (!utf8::Valid(body)) return std::nullopt;
  std::optional<ChatReply> reply(std::in_place);
  JsonCursor cursor(body);
  if (!ReadBody(cursor, *reply)) reply.reset();
  return reply;
}

}  // namespace capeai
