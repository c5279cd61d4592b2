// Json::Tokens(): a tree as base/json_tokens.hpp has it.
#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

// Parsed documents are nested at most 2,048 deep (jansson's limit), ours hardly.
void Write(json_t* value, JsonTokenWriter& out) {
  switch (json_typeof(value)) {
    case JSON_OBJECT: {
      out.Add(JsonToken::kBeginObject);
      for (void* at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        out.AddText(JsonToken::kKey, {json_object_iter_key(at), json_object_iter_key_len(at)});
        Write(json_object_iter_value(at), out);
      }
      out.Add(JsonToken::kEndObject);
      return;
    }
    case JSON_ARRAY: {
      out.Add(JsonToken::kBeginArray);
      for (size_t i = 0; i < json_array_size(value); ++i) Write(json_array_get(value, i), out);
      out.Add(JsonToken::kEndArray);
      return;
    }
    case JSON_STRING:
      return out.AddText(JsonToken::kString, {json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
      return out.AddInt(json_integer_value(value));
    case JSON_REAL:
      return out.AddText(JsonToken::kReal, Json::Share(value).Dump());
    case JSON_TRUE:
      return out.Add(JsonToken::kTrue);
    case JSON_FALSE:
      return out.Add(JsonToken::kFalse);
    case JSON_NULL:
      return out.Add(JsonToken::kNull);
  }
}

}  // namespace

std::string Json::Tokens() const {
  JsonTokenWriter out;
  if (value_) Write(value_, out);
  return out.Take();
}

}  // namespace capeai
