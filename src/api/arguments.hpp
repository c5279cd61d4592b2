// Arguments of SQL functions with names and limits, so that each refusal says
// which one it was. Everything here raises 22023 for what it refuses, before
// large values are read.
#pragma once

#include <optional>
#include <string>

#include "openai/json.hpp"
#include "pg/args.hpp"

namespace capeai::api {

inline constexpr size_t kMaxNameChars = 200;
inline constexpr size_t kMaxUserIdBytes = 255;
inline constexpr size_t kMaxKeyChars = 255;
inline constexpr size_t kMaxTitleChars = 500;
inline constexpr size_t kMaxDescriptionChars = 10000;
inline constexpr size_t kMaxJsonBytes = 16 << 20;
inline constexpr size_t kMaxArrayMegabytes = 64;  // of texts

// Text of at most `max_chars` characters; nullopt for NULL.
std::optional<std::string> LimitedText(FunctionCallInfo fcinfo, int arg, const char* name, size_t max_chars);
// The same, neither NULL nor empty.
std::string RequiredText(FunctionCallInfo fcinfo, int arg, const char* name, size_t max_chars);
// Refuses an argument (of a type of variable length) of more than so many megabytes, unread.
void LimitMegabytes(FunctionCallInfo fcinfo, int arg, const char* name, size_t most);
// A uuid that is not NULL.
Uuid RequiredUuid(FunctionCallInfo fcinfo, int arg, const char* name);
// A jsonb argument that is an object, as a document.
Json RequiredObject(FunctionCallInfo fcinfo, int arg, const char* name);
// JSON text that must be an object; `where` begins the DETAIL ("input 3: ").
Json ParseObject(const std::string& text, const char* name, const std::string& where);

}  // namespace capeai::api
