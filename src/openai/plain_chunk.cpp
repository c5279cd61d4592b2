#include "openai/plain_chunk.hpp"

#include "base/utf8.hpp"
#include "openai/json_cursor.hpp"

namespace capeai {
namespace {

bool ReadDelta(JsonCursor& cursor, std::string& text) {
  bool content = false;
  return cursor.Object([&](std::string_view name) {
    if (name == "role") return cursor.Scalar();
    if (name != "content") return cursor.Null();
    return JsonCursor::Once(content) && (cursor.Null() || cursor.Text(text));
  });
}

bool ReadChoice(JsonCursor& cursor, std::string& text) {
  bool delta = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "delta") return JsonCursor::Once(delta) && ReadDelta(cursor, text);
    return name == "index" ? cursor.Zero() : cursor.Null();
  });
  return whole && delta;
}

bool ReadChunk(JsonCursor& cursor, std::string& text) {
  bool choices = false;
  const bool whole = cursor.Object([&](std::string_view name) {
    if (name == "choices")
      return JsonCursor::Once(choices) && cursor.Eat('[') && ReadChoice(cursor, text) && cursor.Eat(']');
    if (name == "usage" || name == "x_groq" || name == "error") return cursor.Null();
    std::string_view kind;
    if (name == "object") return cursor.String(kind) && kind != "error";
    return cursor.Scalar();
  });
  return whole && choices && cursor.AtEnd();
}

}  // namespace

bool AppendPlainChunk(std::string_view data, std::string& text) {
  if (!utf8::Valid(data)) return false;
  const size_t before = text.size();
  JsonCursor cursor(data);
  if (ReadChunk(cursor, text)) return true;
  text.resize(before);
  return false;
}

}  // namespace capeai
