#include "openai/structured.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace capeai {
namespace {

constexpr int kDeepestSchema = 64;

bool IsStrictKeyword(std::string_view keyword) {
  static constexpr std::array<std::string_view, 21> kKnown = {"type",
                                                              "properties",
                                                              "required",
                                                              "additionalProperties",
                                                              "items",
                                                              "enum",
                                                              "const",
                                                              "anyOf",
                                                              "$ref",
                                                              "$defs",
                                                              "title",
                                                              "description",
                                                              "pattern",
                                                              "format",
                                                              "minimum",
                                                              "maximum",
                                                              "multipleOf",
                                                              "minItems",
                                                              "maxItems",
                                                              "exclusiveMinimum",
                                                              "exclusiveMaximum"};
  return std::find(kKnown.begin(), kKnown.end(), keyword) != kKnown.end();
}

bool RequiresAll(const Json& schema) {
  const Json properties = schema["properties"];
  const Json required = schema["required"];
  if (properties.size() != required.size()) return false;
  for (size_t i = 0; i < required.size(); ++i)
    if (!properties[required[i].string_or("")]) return false;
  return true;
}

bool StrictNode(const Json& schema, int depth);

bool AllStrict(const Json& schemas, int depth) {
  if (schemas.is_array()) {
    for (size_t i = 0; i < schemas.size(); ++i)
      if (!StrictNode(schemas[i], depth)) return false;
    return true;
  }
  const char* name;
  json_t* value;
  json_object_foreach(schemas.get(), name, value) {
    if (!StrictNode(Json::Share(value), depth)) return false;
  }
  return true;
}

bool StrictNode(const Json& schema, int depth) {
  if (!schema.is_object() || depth > kDeepestSchema) return false;
  const char* name;
  json_t* value;
  json_object_foreach(schema.get(), name, value) {
    if (!IsStrictKeyword(name)) return false;
  }
  if (schema["type"].string_or("") == "object" || schema["properties"]) {
    if (schema["additionalProperties"].boolean().value_or(true) || !RequiresAll(schema)) return false;
  }
  if (const Json items = schema["items"]; items && !StrictNode(items, depth + 1)) return false;
  return AllStrict(schema["properties"], depth + 1) && AllStrict(schema["$defs"], depth + 1) &&
         AllStrict(schema["anyOf"], depth + 1);
}

std::string ValidName(const std::string& name) {
  constexpr size_t kLongestName = 64;
  std::string valid = name.substr(0, kLongestName);
  for (char& c : valid)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return valid.empty() ? "reply" : valid;
}

}  // namespace

bool FitsStrictMode(const Json& schema) {
  return schema["type"].string_or("") == "object" && !schema["anyOf"] && StrictNode(schema, 0);
}

Json SchemaFormat(const Json& schema, const std::string& name) {
  Json inner = Json::Object().Set("name", Json::String(ValidName(name)));
  inner.Set("schema", schema).Set("strict", Json::Bool(FitsStrictMode(schema)));
  return Json::Object().Set("type", Json::String("json_schema")).Set("json_schema", inner);
}

Json WithSchemaInstruction(const Json& messages, const Json& schema) {
  const std::string instruction =
      "Reply with one JSON object and nothing else: no prose before or after it, no code fence. "
      "It must be valid against this JSON Schema:\n" +
      schema.Dump();
  const Json first = messages[size_t{0}];
  const std::string role = first["role"].string_or("");
  const bool extend = (role == "system" || role == "developer") && first["content"].is_string();

  Json out = Json::Array();
  Json system = extend ? Json::Own(json_copy(first.get())) : Json::Object();
  if (extend) {
    system.Set("content", Json::String(first["content"].string_or("") + "\n\n" + instruction));
  } else {
    system.Set("role", Json::String("system")).Set("content", Json::String(instruction));
  }
  out.Push(system);
  for (size_t i = extend ? 1 : 0; i < messages.size(); ++i) out.Push(messages[i]);
  return out;
}

}  // namespace capeai
