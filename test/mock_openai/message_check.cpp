// The messages of a chat request, by role (ChatCompletionRequestMessage), and
// the rules of strict schemas: see request_check.hpp.
#include <cstring>

#include "request_check.hpp"
#include "rules.hpp"

namespace mock {
namespace {

struct Role {
  const char* name;
  std::vector<Rule> rules;
  std::vector<const char*> parts;  // content part types
};

const std::vector<Role>& Roles() {
  static const Rule kRole = {"role", Kind::kString, false, true};
  static const Rule kName = {"name", Kind::kString};
  static const Rule kContent = {"content", Kind::kAny, false, true};
  static const std::vector<Role> kRoles = {
      {"system", {kRole, kName, kContent}, {"text"}},
      {"developer", {kRole, kName, kContent}, {"text"}},
      {"user", {kRole, kName, kContent}, {"text", "image_url", "input_audio", "file"}},
      {"assistant",
       {kRole,
        kName,
        {"content", Kind::kAny, true},
        {"refusal", Kind::kString, true},
        {"audio", Kind::kObject, true},
        {"tool_calls", Kind::kArray},
        {"function_call", Kind::kObject, true}},
       {"text", "refusal"}},
      {"tool", {kRole, kContent, {"tool_call_id", Kind::kString, false, true}}, {"text"}},
      {"function",
       {kRole, {"name", Kind::kString, false, true}, {"content", Kind::kString, true, true}},
       {"text"}},
  };
  return kRoles;
}

Check CheckPart(const cJSON* part, const Role& role, const std::string& path) {
  if (!cJSON_IsObject(part)) return WrongType(path, "an object", part);
  const std::string_view type = Text(Member(part, "type"));
  if (type.empty()) return MissingMember(path + ".type");
  bool known = false;
  for (const char* allowed : role.parts) known = known || type == allowed;
  if (!known) return WrongValue(path + ".type", type, role.parts);
  const std::string name(type);
  const Kind kind = type == "text" || type == "refusal" ? Kind::kString : Kind::kObject;
  return CheckMembers(part,
                      {{"type", Kind::kString, false, true},
                       {name.c_str(), kind, false, true},
                       {"prompt_cache_breakpoint", Kind::kObject}},
                      path);
}

Check CheckContent(const cJSON* message, const Role& role, const std::string& path) {
  const cJSON* content = Member(message, "content");
  const std::string place = path + ".content";
  if (cJSON_IsString(content)) return {};
  if (!content || cJSON_IsNull(content)) {
    const bool assistant = std::strcmp(role.name, "assistant") == 0;
    if (assistant &&
        (Member(message, "tool_calls") || Member(message, "function_call") || Member(message, "refusal")))
      return {};
    return ApiError{400, "Invalid value for 'content': expected a string, got null.", "invalid_request_error",
                    place, ""};
  }
  if (!cJSON_IsArray(content)) return WrongType(place, "one of a string or array of objects", content);
  if (!content->child)
    return ApiError{400,
                    "Invalid '" + place +
                        "': empty array. Expected an array with minimum length 1, but got an "
                        "empty array instead.",
                    "invalid_request_error", place, "empty_array"};
  int index = 0;
  const cJSON* part;
  cJSON_ArrayForEach(part, content) if (Check problem = CheckPart(
                                            part, role,
                                            place + "[" + std::to_string(index++) + "]")) return problem;
  return {};
}

Check CheckToolCalls(const cJSON* message, const std::string& path) {
  static const std::vector<Rule> kCall = {{"id", Kind::kString, false, true},
                                          {"type", Kind::kString, false, true, 0, 0, {"function", "custom"}},
                                          {"function", Kind::kObject},
                                          {"custom", Kind::kObject}};
  static const std::vector<Rule> kFunction = {{"name", Kind::kString, false, true},
                                              {"arguments", Kind::kString, false, true}};
  int index = 0;
  const cJSON* call;
  cJSON_ArrayForEach(call, Member(message, "tool_calls")) {
    const std::string place = path + ".tool_calls[" + std::to_string(index++) + "]";
    if (!cJSON_IsObject(call)) return WrongType(place, "an object", call);
    if (Check problem = CheckMembers(call, kCall, place)) return problem;
    if (const cJSON* function = Member(call, "function"))
      if (Check problem = CheckMembers(function, kFunction, place + ".function")) return problem;
  }
  return {};
}

Check CheckMessage(const cJSON* message, const std::string& path) {
  if (!cJSON_IsObject(message)) return WrongType(path, "an object", message);
  const cJSON* name = Member(message, "role");
  if (!name) return MissingMember(path + ".role");
  if (!cJSON_IsString(name)) return WrongType(path + ".role", "a string", name);
  for (const Role& role : Roles()) {
    if (Text(name) != role.name) continue;
    if (Check problem = CheckMembers(message, role.rules, path)) return problem;
    if (Check problem = CheckContent(message, role, path)) return problem;
    return CheckToolCalls(message, path);
  }
  return WrongValue(path + ".role", Text(name),
                    {"system", "assistant", "user", "function", "tool", "developer"});
}

}  // namespace

Check CheckMessages(const cJSON* messages) {
  if (!messages->child)
    return ApiError{
        400,
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty "
        "array instead.",
        "invalid_request_error", "messages", "empty_array"};
  int index = 0;
  const cJSON* message;
  cJSON_ArrayForEach(
      message, messages) if (Check problem = CheckMessage(message, "messages[" + std::to_string(index++) +
                                                                       "]")) return problem;
  return {};
}

namespace {

// Walks one schema node; `context` is its place as the API prints it.
struct StrictWalk {
  std::string schema_name;
  int depth = 0;

  ApiError Bad(const std::string& context, const std::string& what) const {
    return {400,
            "Invalid schema for response_format '" + schema_name + "': In context=(" + context + "), " + what,
            "invalid_request_error", "response_format", ""};
  }

  Check CheckObject(const cJSON* node, const std::string& context) const {
    const cJSON* closed = Member(node, "additionalProperties");
    if (!cJSON_IsFalse(closed))
      return Bad(context, "'additionalProperties' is required to be supplied and to be false.");
    const cJSON* required = Member(node, "required");
    const cJSON* property;
    cJSON_ArrayForEach(property, Member(node, "properties")) {
      bool listed = false;
      const cJSON* item;
      cJSON_ArrayForEach(item, required) listed = listed || Text(item) == property->string;
      if (!listed)
        return Bad(context,
                   std::string("'required' is required to be supplied and to be an array including every key "
                               "in properties. Missing '") +
                       property->string + "'.");
    }
    return {};
  }

  Check Visit(const cJSON* node, const std::string& context) {
    if (!cJSON_IsObject(node)) return Bad(context, "schema must be an object.");
    if (++depth > 64) return Bad(context, "schema is nested too deeply.");
    for (const char* banned : {"allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas",
                               "patternProperties", "oneOf"})
      if (Member(node, banned)) return Bad(context, std::string("'") + banned + "' is not permitted.");
    if (Text(Member(node, "type")) == "object" || Member(node, "properties"))
      if (Check problem = CheckObject(node, context)) return problem;
    const std::string prefix = context.empty() ? "" : context + ", ";
    for (const char* map : {"properties", "$defs", "definitions"}) {
      const cJSON* child;
      cJSON_ArrayForEach(
          child, Member(node, map)) if (Check problem = Visit(child, prefix + "'" + map + "', '" +
                                                                         child->string + "'")) return problem;
    }
    if (const cJSON* items = Member(node, "items"))
      if (Check problem = Visit(items, prefix + "'items'")) return problem;
    int index = 0;
    const cJSON* choice;
    cJSON_ArrayForEach(
        choice, Member(node, "anyOf")) if (Check problem =
                                               Visit(choice, prefix + "'anyOf', '" + std::to_string(index++) +
                                                                 "'")) return problem;
    --depth;
    return {};
  }
};

}  // namespace

Check CheckStrictSchema(const cJSON* schema, const std::string& schema_name) {
  StrictWalk walk{schema_name};
  if (Text(Member(schema, "type")) != "object")
    return walk.Bad("", "schema must have type 'object' and not 'anyOf' at its root.");
  return walk.Visit(schema, "");
}

}  // namespace mock
