// cJSON behind one RAII header. The product speaks jansson; the mock must not,
// so that the two ends of the wire share no parser.
#pragma once

#include <cjson/cJSON.h>

#include <memory>
#include <string>
#include <string_view>

namespace mock {

struct JsonDelete {
  void operator()(cJSON* value) const { cJSON_Delete(value); }
};
using JsonPtr = std::unique_ptr<cJSON, JsonDelete>;

// Parses exactly one JSON value that fills `text` (white space around it is
// allowed). Null on a syntax error, on trailing bytes and on invalid UTF-8.
JsonPtr ParseJson(std::string_view text);

// Parses the JSON value that `text` begins with, whatever follows. Null if none.
JsonPtr ParseJsonPrefix(std::string_view text);

// Compact text of a value.
std::string PrintJson(const cJSON* value);

// Member of an object by exact name; null if absent or not an object.
inline const cJSON* Member(const cJSON* object, const char* name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

// The string's characters; empty for anything but a string.
inline std::string_view Text(const cJSON* value) {
  return cJSON_IsString(value) ? std::string_view(value->valuestring) : std::string_view();
}

bool ValidUtf8(std::string_view text);

// Appends `text` (valid UTF-8) as a JSON string, quotes included.
void AppendQuoted(std::string& out, std::string_view text);
std::string Quoted(std::string_view text);

// `text` cut to at most `bytes`, never inside a UTF-8 character.
std::string_view CutUtf8(std::string_view text, size_t bytes);

}  // namespace mock
