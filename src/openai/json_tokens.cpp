// Json::Tokens() and Json::FromTokens(): a tree as base/json_tokens.hpp has it, and back.
#include <charconv>
#include <iterator>
#include <string>

#include "base/json_tokens.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

// The shortest text that reads back as the same number: 0.1 stays 0.1, and 1.0 a real.
void WriteReal(double value, JsonTokenWriter& out) {
  char text[32];
  const std::to_chars_result end = std::to_chars(std::begin(text), std::end(text), value);
  std::string shortest(text, end.ptr);
  if (shortest.find_first_of(".e") == std::string::npos) shortest += ".0";
  out.AddText(JsonToken::kReal, shortest);
}

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
      return WriteReal(json_real_value(value), out);
    case JSON_TRUE:
      return out.Add(JsonToken::kTrue);
    case JSON_FALSE:
      return out.Add(JsonToken::kFalse);
    case JSON_NULL:
      return out.Add(JsonToken::kNull);
  }
}

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
      return json_stringn(reader.text().data(), reader.text().size());
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

std::string Json::Tokens() const {
  JsonTokenWriter out;
  if (value_) Write(value_, out);
  return out.Take();
}

}  // namespace capeai
