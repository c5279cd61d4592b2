#include "agent/strict_schema.hpp"

#include <set>

namespace capeai {
namespace {

constexpr int kMaxLevels = 10;  // of objects and arrays, OpenAI's limit

const std::set<std::string> kAllowed = {"type",
                                        "properties",
                                        "required",
                                        "additionalProperties",
                                        "items",
                                        "enum",
                                        "const",
                                        "anyOf",
                                        "$ref",
                                        "$defs",
                                        "pattern",
                                        "format",
                                        "minimum",
                                        "maximum",
                                        "exclusiveMinimum",
                                        "exclusiveMaximum",
                                        "multipleOf",
                                        "minItems",
                                        "maxItems",
                                        "description",
                                        "title",
                                        "$schema",
                                        "$id",
                                        "$comment"};

class StrictCheck {
 public:
  std::vector<SchemaProblem> Run(const Json& schema) {
    if (schema["type"].string_or("") != "object")
      Problem("/type", "must be \"object\" at the top, for OpenAI's structured outputs");
    Visit(schema, "", 1);
    return std::move(problems_);
  }

 private:
  void Problem(const std::string& pointer, std::string what) {
    problems_.push_back({pointer, std::move(what)});
  }

  void Visit(const Json& schema, const std::string& pointer, int level) {
    if (!schema.is_object()) return Problem(pointer, "must be an object, for OpenAI's structured outputs");
    if (level > kMaxLevels)
      return Problem(pointer, "is nested more than 10 levels deep, too deep for OpenAI's structured outputs");
    const char* name;
    json_t* value;
    json_object_foreach(schema.get(), name, value) {
      if (!kAllowed.count(name))
        Problem(pointer + PointerStep(name),
                std::string("keyword \"") + name + "\" is not part of OpenAI's strict structured outputs");
    }
    if (schema["properties"] || schema["type"].string_or("") == "object") VisitObject(schema, pointer);
    EachMember(schema["properties"], pointer + "/properties", level + 1);
    EachMember(schema["$defs"], pointer + "/$defs", level);
    if (const Json items = schema["items"]) Visit(items, pointer + "/items", level + 1);
    const Json any_of = schema["anyOf"];
    for (size_t i = 0; i < any_of.size(); ++i)
      Visit(any_of[i], pointer + "/anyOf" + PointerStep(std::to_string(i)), level);
  }

  void VisitObject(const Json& schema, const std::string& pointer) {
    if (schema["additionalProperties"].boolean() != false)
      Problem(pointer + "/additionalProperties", "must be false, for OpenAI's structured outputs");
    std::set<std::string> required;
    const Json list = schema["required"];
    for (size_t i = 0; i < list.size(); ++i) required.insert(list[i].string_or(""));
    const Json properties = schema["properties"];
    const char* name;
    json_t* value;
    json_object_foreach(properties.get(), name, value) {
      if (!required.count(name))
        Problem(pointer + "/required",
                std::string("must list \"") + name +
                    "\": OpenAI's structured outputs have no optional members (allow null)");
    }
  }

  void EachMember(const Json& schemas, const std::string& pointer, int level) {
    const char* name;
    json_t* value;
    json_object_foreach(schemas.get(), name, value)
        Visit(Json::Share(value), pointer + PointerStep(name), level);
  }

  std::vector<SchemaProblem> problems_;
};

}  // namespace

std::vector<SchemaProblem> StrictSchemaProblems(const Json& schema) { return StrictCheck().Run(schema); }

}  // namespace capeai
