#include "api/arguments.hpp"

#include "base/utf8.hpp"

namespace capeai::api {
namespace {

constexpr size_t kHeaderBytes = 4;
constexpr size_t kMaxBytesPerChar = 4;

[[noreturn]] void RefuseLong(const char* name, size_t max_chars) {
  pg::Raise(sqlstate::kInvalidParameter,
            std::string(name) + " must not be longer than " + std::to_string(max_chars) + " characters");
}

}  // namespace

std::optional<std::string> LimitedText(FunctionCallInfo fcinfo, int arg, const char* name, size_t max_chars) {
  if (pg::ArgBytes(fcinfo, arg) > max_chars * kMaxBytesPerChar + kHeaderBytes) RefuseLong(name, max_chars);
  std::optional<std::string> text = pg::TextArg(fcinfo, arg);
  if (text && text->size() > max_chars && utf8::Length(*text) > max_chars) RefuseLong(name, max_chars);
  return text;
}

std::string RequiredText(FunctionCallInfo fcinfo, int arg, const char* name, size_t max_chars) {
  std::optional<std::string> text = LimitedText(fcinfo, arg, name, max_chars);
  if (!text) pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be null");
  if (text->empty()) pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be empty");
  return std::move(*text);
}

void LimitMegabytes(FunctionCallInfo fcinfo, int arg, const char* name, size_t most) {
  if (pg::ArgBytes(fcinfo, arg) > (most << 20))
    pg::Raise(sqlstate::kInvalidParameter,
              std::string(name) + " must not be larger than " + std::to_string(most) + " MB");
}

Uuid RequiredUuid(FunctionCallInfo fcinfo, int arg, const char* name) {
  const std::optional<Uuid> id = pg::UuidArg(fcinfo, arg);
  if (!id) pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be null");
  return *id;
}

Json ParseObject(const std::string& text, const char* name, const std::string& where) {
  if (text.size() > kMaxJsonBytes)
    pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be larger than 16 MB", "",
              where.empty() ? "" : where + std::to_string(text.size()) + " bytes.");
  std::string problem;
  Json json = Json::Parse(text, &problem);
  if (!json)
    pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " is not usable JSON", "",
              where + problem + ".");
  if (!json.is_object())
    pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must be a JSON object", "",
              where.empty() ? "" : where + "it is of another type.");
  return json;
}

Json RequiredObject(FunctionCallInfo fcinfo, int arg, const char* name) {
  if (pg::ArgBytes(fcinfo, arg) > kMaxJsonBytes)
    pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be larger than 16 MB");
  const std::optional<std::string> text = pg::TextArg(fcinfo, arg);
  if (!text) pg::Raise(sqlstate::kInvalidParameter, std::string(name) + " must not be null");
  return ParseObject(*text, name, "");
}

}  // namespace capeai::api
