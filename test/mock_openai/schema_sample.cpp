// An instance for a schema: see schema_sample.hpp.
#include "schema_sample.hpp"

#include <algorithm>
#include <cmath>

namespace mock {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class Sampler {
 public:
  Sampler(const cJSON* root, const SampleFacts& facts) : root_(root), facts_(facts) {}

  // `name` is the member that the value is for; empty at the root and in arrays of a nameless one.
  void Write(const cJSON* node, std::string_view name, int depth, std::string& out) {
    node = Resolve(node);
    if (!cJSON_IsObject(node) || depth > 64) return void(out += "null");
    if (const cJSON* constant = Member(node, "const")) return void(out += PrintJson(constant));
    if (const cJSON* values = Member(node, "enum"); values && values->child)
      return void(out += PrintJson(values->child));
    for (const char* choice : {"anyOf", "oneOf", "allOf"})
      if (const cJSON* branches = Member(node, choice); branches && branches->child)
        return Write(branches->child, name, depth + 1, out);
    const std::string_view type = TypeOf(node);
    if (type == "object") return WriteObject(node, depth, out);
    if (type == "array") return WriteArray(node, name, depth, out);
    if (type == "string") return WriteString(node, name, out);
    if (type == "integer" || type == "number") return WriteNumber(node, name, type == "integer", out);
    out += type == "boolean" ? (facts_.passage > 0 ? "true" : "false") : "null";
  }

 private:
  // Follows "#/$defs/x" and "#"; at most 8 steps.
  const cJSON* Resolve(const cJSON* node) const {
    for (int step = 0; step < 8; ++step) {
      const std::string_view reference = Text(Member(node, "$ref"));
      if (reference.empty()) return node;
      const cJSON* target = root_;
      for (size_t at = 2; at <= reference.size() && target;) {
        const size_t end = std::min(reference.find('/', at), reference.size());
        target = Member(target, std::string(reference.substr(at, end - at)).c_str());
        at = end + 1;
      }
      node = target;
    }
    return node;
  }

  // The type, the first that is not null of several; guessed from other members if absent.
  static std::string_view TypeOf(const cJSON* node) {
    const cJSON* type = Member(node, "type");
    if (cJSON_IsString(type)) return Text(type);
    const cJSON* item;
    cJSON_ArrayForEach(item, type) if (Text(item) != "null") return Text(item);
    if (Member(node, "properties")) return "object";
    if (Member(node, "items")) return "array";
    return type ? "null" : "string";
  }

  void WriteObject(const cJSON* node, int depth, std::string& out) {
    out += '{';
    const cJSON* property;
    const size_t start = out.size();
    cJSON_ArrayForEach(property, Member(node, "properties")) {
      if (out.size() > start) out += ',';
      AppendQuoted(out, property->string);
      out += ':';
      Write(property, property->string, depth + 1, out);
    }
    out += '}';
  }

  void WriteArray(const cJSON* node, std::string_view name, int depth, std::string& out) {
    const cJSON* items = Resolve(Member(node, "items"));
    const bool integers = TypeOf(items) == "integer";
    int count = integers ? (facts_.passage > 0 ? 1 : 0) : 2;
    if (const cJSON* most = Member(node, "maxItems")) count = std::min(count, most->valueint);
    if (const cJSON* least = Member(node, "minItems")) count = std::max(count, least->valueint);
    out += '[';
    for (int i = 0; i < count; ++i) {
      if (i > 0) out += ',';
      item_ = i;
      if (integers && facts_.passage > 0) {
        out += std::to_string(facts_.passage + i);
      } else {
        Write(items, name, depth + 1, out);
      }
    }
    item_ = 0;
    out += ']';
  }

  void WriteString(const cJSON* node, std::string_view name, std::string& out) const {
    std::string text = facts_.answer;
    if (Contains(name, "suggest") || Contains(name, "follow"))
      text = item_ == 0 ? "Read more about: " + facts_.question : "Try it and watch the result.";
    else if (Contains(name, "title") || Contains(name, "name"))
      text = facts_.question;
    if (const cJSON* most = Member(node, "maxLength"))
      text = CutUtf8(text, static_cast<size_t>(most->valueint));
    if (const cJSON* least = Member(node, "minLength"))
      while (static_cast<int>(text.size()) < least->valueint) text += '.';
    AppendQuoted(out, text);
  }

  void WriteNumber(const cJSON* node, std::string_view name, bool integer, std::string& out) const {
    double value =
        Contains(name, "confiden") || Contains(name, "score") ? (facts_.passage > 0 ? 0.9 : 0.4) : 1;
    if (const cJSON* least = Member(node, "minimum")) value = std::max(value, least->valuedouble);
    if (const cJSON* least = Member(node, "exclusiveMinimum"))
      value = std::max(value, least->valuedouble + (integer ? 1 : 0.001));
    if (const cJSON* most = Member(node, "maximum")) value = std::min(value, most->valuedouble);
    if (const cJSON* most = Member(node, "exclusiveMaximum"))
      value = std::min(value, most->valuedouble - (integer ? 1 : 0.001));
    if (integer) value = std::ceil(value);
    char text[40];
    std::snprintf(text, sizeof text, "%.10g", value);
    out += text;
  }

  const cJSON* root_;
  const SampleFacts& facts_;
  int item_ = 0;  // index in the innermost array
};

}  // namespace

std::string SampleOf(const cJSON* schema, const SampleFacts& facts) {
  std::string out;
  Sampler(schema, facts).Write(schema, "", 0, out);
  return out;
}

}  // namespace mock
