// Json::FromTokens(): a tree from what Json::Tokens() (json_write.cpp) has made of it.
#include <string>

#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

constexpr int kDeepest = 2048;  // as jansson's parser has it

// The value that begins with `token`; nullptr if it does not end, or is none.
json_t* Read(JsonTokenReader& reader, JsonToken token, int depth);

json_t* ReadObject(JsonTokenReader& reader, int depth) {
  Json out = Json::Own(json_pack("{}"));
  while (!reader.AtEnd()) {
    const JsonToken token = reader.Next();
    if (token == JsonToken::kEndObject) return json_incref(out.get());
    if (token != JsonToken::kKey || reader.AtEnd()) return nullptr;
    const std::string key(reader.text());
    if (json_object_set_new_nocheck(out.get(), key.c_str(), Read(reader, reader.Next(), depth + 1)) != 0)
      return nullptr;
  }
  return nullptr;
}

json_t* ReadArray(JsonTokenReader& reader, int depth) {
  Json out = Json::Array();
  while (!reader.AtEnd()) {
    const JsonToken token = reader.Next();
    if (token == JsonToken::kEndArray) return json_incref(out.get());
    if (json_array_append_new(out.get(), Read(reader, token, depth + 1)) != 0) return nullptr;
  }
  return nullptr;
}

json_t* Read(JsonTokenReader& reader, JsonToken token, int depth) {
  if (reader.cut() || depth > kDeepest) return nullptr;
  switch (token) {
    case JsonToken::kBeginObject:
      return ReadObject(reader, depth);
    case JsonToken::kBeginArray:
      return ReadArray(reader, depth);
    case JsonToken::kString:
      return json_incref(Json::String(reader.text()).get());
    case JsonToken::kInt:
      return json_integer(reader.integer());
    case JsonToken::kReal: {
      const Json number = Json::Parse(reader.text());
      return number.is_number() ? json_incref(number.get()) : nullptr;
    }
    case JsonToken::kTrue:
      return json_true();
    case JsonToken::kFalse:
      return json_false();
    case JsonToken::kNull:
      return json_null();
    default:
      return nullptr;
  }
}

}  // namespace

Json Json::FromTokens(std::string_view tokens) {
  JsonTokenReader reader({tokens});
  if (reader.AtEnd()) return {};
  Json out = Own(Read(reader, reader.Next(), 0));
  return reader.AtEnd() && !reader.cut() ? out : Json();
}

}  // namespace capeai
