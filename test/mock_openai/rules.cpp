// Rule tables at work: see rules.hpp.
#include "rules.hpp"

#include <cmath>
#include <cstring>

namespace mock {

std::string JoinPath(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

const char* Describe(const cJSON* value) {
  if (cJSON_IsString(value)) return "a string";
  if (cJSON_IsNumber(value))
    return std::trunc(value->valuedouble) == value->valuedouble ? "an integer" : "a decimal";
  if (cJSON_IsBool(value)) return "a boolean";
  if (cJSON_IsArray(value)) return "an array";
  if (cJSON_IsObject(value)) return "an object";
  return "null";
}

ApiError WrongType(const std::string& path, const char* expected, const cJSON* value) {
  return {
      400,
      "Invalid type for '" + path + "': expected " + expected + ", but got " + Describe(value) + " instead.",
      "invalid_request_error", path, "invalid_type"};
}

ApiError WrongValue(const std::string& path, std::string_view value, const std::vector<const char*>& values) {
  std::string message = "Invalid value: '" + std::string(value) + "'. Supported values are: ";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) message += i + 1 < values.size() ? ", " : ", and ";
    message += std::string("'") + values[i] + "'";
  }
  return {400, message + ".", "invalid_request_error", path, "invalid_value"};
}

ApiError MissingMember(const std::string& path) {
  return {400, "Missing required parameter: '" + path + "'.", "invalid_request_error", path,
          "missing_required_parameter"};
}

namespace {

const char* Expected(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return "a string";
    case Kind::kInteger:
      return "an integer";
    case Kind::kNumber:
      return "a decimal";
    case Kind::kBoolean:
      return "a boolean";
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
    case Kind::kAny:
      break;
  }
  return "a value";
}

bool IsKind(const cJSON* value, Kind kind) {
  switch (kind) {
    case Kind::kString:
      return cJSON_IsString(value);
    case Kind::kInteger:
      return cJSON_IsNumber(value) && std::trunc(value->valuedouble) == value->valuedouble;
    case Kind::kNumber:
      return cJSON_IsNumber(value);
    case Kind::kBoolean:
      return cJSON_IsBool(value);
    case Kind::kArray:
      return cJSON_IsArray(value);
    case Kind::kObject:
      return cJSON_IsObject(value);
    case Kind::kAny:
      return true;
  }
  return false;
}

std::string PrintNumber(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  char shorter[40];
  std::snprintf(shorter, sizeof shorter, "%g", value);
  return std::strtod(shorter, nullptr) == value ? shorter : text;
}

Check CheckRange(const cJSON* value, const Rule& rule, const std::string& parent) {
  const char* noun = rule.kind == Kind::kInteger ? "integer" : "decimal";
  const double number = value->valuedouble;
  if (number >= rule.min && number <= rule.max) return {};
  const std::string path = JoinPath(parent, rule.name);
  const bool low = number < rule.min;
  return ApiError{
      400,
      "Invalid '" + path + "': " + noun + (low ? " below minimum" : " above maximum") +
          " value. Expected a value " + (low ? ">= " : "<= ") + PrintNumber(low ? rule.min : rule.max) +
          ", but got " + PrintNumber(number) + " instead.",
      "invalid_request_error", path, std::string(noun) + (low ? "_below_min_value" : "_above_max_value")};
}

Check CheckValue(const cJSON* value, const Rule& rule, const std::string& path) {
  if (cJSON_IsNull(value) && rule.nullable) return {};
  if (!IsKind(value, rule.kind)) return WrongType(JoinPath(path, rule.name), Expected(rule.kind), value);
  if (rule.kind == Kind::kInteger || rule.kind == Kind::kNumber) return CheckRange(value, rule, path);
  if (rule.values.empty()) return {};
  for (const char* allowed : rule.values)
    if (Text(value) == allowed) return {};
  return WrongValue(JoinPath(path, rule.name), Text(value), rule.values);
}

}  // namespace

Check CheckMembers(const cJSON* object, const std::vector<Rule>& rules, const std::string& path) {
  for (const cJSON* member = object->child; member; member = member->next) {
    const Rule* rule = nullptr;
    for (const Rule& candidate : rules)
      if (std::strcmp(candidate.name, member->string) == 0) rule = &candidate;
    if (!rule) {
      const std::string place = JoinPath(path, member->string);
      return ApiError{400, "Unknown parameter: '" + place + "'.", "invalid_request_error", place,
                      "unknown_parameter"};
    }
    if (Check problem = CheckValue(member, *rule, path)) return problem;
  }
  for (const Rule& rule : rules)
    if (rule.required && !Member(object, rule.name)) return MissingMember(JoinPath(path, rule.name));
  return {};
}

}  // namespace mock
