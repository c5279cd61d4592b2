// Checking a JSON value against a compiled schema. The work and the depth are
// bounded, whatever the schema and the value say.
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "agent/schema.hpp"
#include "agent/schema_node.hpp"
#include "base/utf8.hpp"

namespace capeai {
namespace {

constexpr size_t kMaxVisits = 1'000'000;  // schema nodes applied to values, in all
constexpr int kMaxRecursion = 512;        // 64 levels of the value, with room for $ref and anyOf in each

std::string Counted(int64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::string TypeName(json_t* value) {
  switch (json_typeof(value)) {
    case JSON_NULL:
      return "null";
    case JSON_TRUE:
    case JSON_FALSE:
      return "a boolean";
    case JSON_INTEGER:
    case JSON_REAL:
      return "a number";
    case JSON_STRING:
      return "a string";
    case JSON_ARRAY:
      return "an array";
    case JSON_OBJECT:
      return "an object";
  }
  return "an unknown type";
}

std::string TypeNames(unsigned types) {
  static const std::pair<unsigned, const char*> kNames[] = {
      {SchemaNode::kString, "a string"}, {SchemaNode::kInteger, "a whole number"},
      {SchemaNode::kNumber, "a number"}, {SchemaNode::kBoolean, "a boolean"},
      {SchemaNode::kArray, "an array"},  {SchemaNode::kObject, "an object"},
      {SchemaNode::kNull, "null"}};
  std::string text;
  for (const auto& [bit, name] : kNames)
    if (types & bit) text += (text.empty() ? "" : " or ") + std::string(name);
  return text;
}

unsigned TypesOf(json_t* value) {
  switch (json_typeof(value)) {
    case JSON_NULL:
      return SchemaNode::kNull;
    case JSON_TRUE:
    case JSON_FALSE:
      return SchemaNode::kBoolean;
    case JSON_INTEGER:
      return SchemaNode::kInteger | SchemaNode::kNumber;
    case JSON_REAL: {
      const double real = json_real_value(value);
      return SchemaNode::kNumber | (std::trunc(real) == real ? unsigned{SchemaNode::kInteger} : 0u);
    }
    case JSON_STRING:
      return SchemaNode::kString;
    case JSON_ARRAY:
      return SchemaNode::kArray;
    case JSON_OBJECT:
      return SchemaNode::kObject;
  }
  return 0;
}

std::string NumberText(const SchemaNumber& number) {
  if (number.is_integer) return std::to_string(number.integer);
  char text[32];
  snprintf(text, sizeof text, "%.15g", number.real);
  return text;
}

bool IsMultiple(const SchemaNumber& value, const SchemaNumber& of) {
  if (value.is_integer && of.is_integer) return value.integer % of.integer == 0;
  const double quotient = value.real / of.real;
  if (!std::isfinite(quotient)) return std::fmod(value.real, of.real) == 0;
  // Decimal fractions are not exact in binary: 0.0075 / 0.0001 is not quite 75.
  return std::abs(quotient - std::round(quotient)) <= 1e-9 * std::max(1.0, std::abs(quotient)) &&
         (std::round(quotient) != 0 || value.real == 0);
}

bool DeeperThan(json_t* value, int levels) {
  if (!json_is_array(value) && !json_is_object(value)) return false;
  if (levels == 0) return true;
  size_t index;
  const char* name;
  json_t* child;
  json_array_foreach(value, index, child) if (DeeperThan(child, levels - 1)) return true;
  json_object_foreach(value, name, child) if (DeeperThan(child, levels - 1)) return true;
  return false;
}

class Validator {
 public:
  explicit Validator(size_t limit) : limit_(limit) {}

  std::vector<SchemaProblem> Run(const SchemaNode& root, json_t* value) {
    const bool valid = Check(root, value);
    if (exhausted_) return {{"", "is too complex to be checked against its schema"}};
    if (!valid && problems_.empty()) return {{"", "does not match its schema"}};
    return std::move(problems_);
  }

 private:
  bool Check(const SchemaNode& node, json_t* value) {
    if (++visits_ > kMaxVisits || depth_ >= kMaxRecursion) exhausted_ = true;
    if (exhausted_) return false;
    ++depth_;
    const bool valid = CheckHere(node, value);
    --depth_;
    return valid;
  }

  bool CheckHere(const SchemaNode& node, json_t* value) {
    if (node.always) return *node.always || Report("is not allowed");
    const unsigned types = TypesOf(value);
    if (node.types && !(node.types & types))
      return Report("must be " + TypeNames(node.types) + ", not " + TypeName(value));
    bool valid = true;
    if (node.allowed || node.constant) valid = CheckFixed(node, value);
    if (valid && (types & SchemaNode::kNumber)) valid = CheckNumber(node, NumberOf(value));
    if (valid && (types & SchemaNode::kString)) valid = CheckString(node, value);
    if (types & SchemaNode::kArray) valid = CheckArray(node, value) && valid;
    if ((types & SchemaNode::kObject) && node.checks_object()) valid = CheckObject(node, value) && valid;
    if (!valid && Full()) return false;
    return CheckCombined(node, value) && valid;
  }

  bool CheckFixed(const SchemaNode& node, json_t* value) {
    const std::string canonical = CanonicalJson(Json::Share(value));
    if (node.constant && canonical != *node.constant) return Report("must be " + *node.constant);
    if (!node.allowed) return true;
    for (const std::string& allowed : *node.allowed)
      if (canonical == allowed) return true;
    return Report("must be one of " + node.allowed_text);
  }

  bool CheckNumber(const SchemaNode& node, const SchemaNumber& value) {
    if (node.minimum && Compare(value, *node.minimum) < 0)
      return Report("must be at least " + NumberText(*node.minimum));
    if (node.maximum && Compare(value, *node.maximum) > 0)
      return Report("must be at most " + NumberText(*node.maximum));
    if (node.exclusive_minimum && Compare(value, *node.exclusive_minimum) <= 0)
      return Report("must be greater than " + NumberText(*node.exclusive_minimum));
    if (node.exclusive_maximum && Compare(value, *node.exclusive_maximum) >= 0)
      return Report("must be less than " + NumberText(*node.exclusive_maximum));
    if (node.multiple_of && !IsMultiple(value, *node.multiple_of))
      return Report("must be a multiple of " + NumberText(*node.multiple_of));
    return true;
  }

  bool CheckString(const SchemaNode& node, json_t* value) {
    const std::string_view text(json_string_value(value), json_string_length(value));
    if (node.min_length || node.max_length) {
      const int64_t length = static_cast<int64_t>(utf8::Length(text));
      if (node.min_length && length < *node.min_length)
        return Report("must have at least " + Counted(*node.min_length, "character", "characters"));
      if (node.max_length && length > *node.max_length)
        return Report("must have at most " + Counted(*node.max_length, "character", "characters") + ", not " +
                      std::to_string(length));
    }
    if (node.pattern && !RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *node.pattern))
      return Report("must match the pattern " + node.pattern->pattern());
    return true;
  }

  bool CheckArray(const SchemaNode& node, json_t* value) {
    const int64_t size = static_cast<int64_t>(json_array_size(value));
    if (node.min_items && size < *node.min_items)
      return Report("must have at least " + Counted(*node.min_items, "element", "elements"));
    if (node.max_items && size > *node.max_items)
      return Report("must have at most " + Counted(*node.max_items, "element", "elements"));
    if (node.unique_items && !AllDifferent(value)) return Report("must not have equal elements");
    bool valid = true;
    size_t i;
    json_t* element;
    json_array_foreach(value, i, element) {
      const SchemaNode* schema = i < node.prefix_items.size() ? node.prefix_items[i] : node.items;
      if (schema && !CheckChild(*schema, element, std::to_string(i))) valid = false;
      if (!valid && Full()) return false;
    }
    return (!node.contains || CheckContains(node, value)) && valid;
  }

  bool CheckContains(const SchemaNode& node, json_t* value) {
    int64_t found = 0;
    size_t i;
    json_t* element;
    json_array_foreach(value, i, element) found += Matches(*node.contains, element);
    if (found < node.min_contains.value_or(1))
      return Report("must contain at least " + Counted(node.min_contains.value_or(1), "element", "elements") +
                    " of the kind described by \"contains\"");
    if (node.max_contains && found > *node.max_contains)
      return Report("must contain at most " + Counted(*node.max_contains, "element", "elements") +
                    " of the kind described by \"contains\"");
    return true;
  }

  static bool AllDifferent(json_t* array) {
    std::unordered_set<std::string> seen;
    size_t i;
    json_t* element;
    json_array_foreach(array, i, element) {
      if (!seen.insert(CanonicalJson(Json::Share(element))).second) return false;
    }
    return true;
  }

  bool CheckObject(const SchemaNode& node, json_t* value) {
    const int64_t size = static_cast<int64_t>(json_object_size(value));
    if (node.min_properties && size < *node.min_properties)
      return Report("must have at least " + Counted(*node.min_properties, "member", "members"));
    if (node.max_properties && size > *node.max_properties)
      return Report("must have at most " + Counted(*node.max_properties, "member", "members"));
    bool valid = true;
    for (const std::string& name : node.required) {
      if (!json_object_get(value, name.c_str())) valid = ReportAt(name, "is required");
      if (!valid && Full()) return false;
    }
    for (const auto& [name, others] : node.dependent_required) {
      if (!json_object_get(value, name.c_str())) continue;
      for (const std::string& other : others)
        if (!json_object_get(value, other.c_str()))
          valid = ReportAt(other, "is required together with \"" + name + "\"");
    }
    const char* name;
    json_t* member;
    json_object_foreach(value, name, member) {
      if (!CheckMember(node, name, member)) valid = false;
      if (!valid && Full()) return false;
    }
    return valid;
  }

  bool CheckMember(const SchemaNode& node, const char* name, json_t* member) {
    bool valid = true;
    bool known = false;
    if (node.property_names && !Matches(*node.property_names, Json::String(name).get()))
      valid = ReportAt(name, "has a name that is not allowed");
    if (const auto property = node.properties.find(name); property != node.properties.end()) {
      known = true;
      valid = CheckChild(*property->second, member, name) && valid;
    }
    for (const auto& [pattern, schema] : node.pattern_properties) {
      if (!RE2::PartialMatch(name, *pattern)) continue;
      known = true;
      valid = CheckChild(*schema, member, name) && valid;
    }
    if (known || !node.additional_properties) return valid;
    if (node.additional_properties->always == false) return ReportAt(name, "is not a known member");
    return CheckChild(*node.additional_properties, member, name) && valid;
  }

  bool CheckCombined(const SchemaNode& node, json_t* value) {
    bool valid = true;
    if (node.ref) valid = Check(*node.ref, value);
    for (const SchemaNode* each : node.all_of) valid = Check(*each, value) && valid;
    if (!node.any_of.empty()) valid = CheckAnyOf(node, value) && valid;
    if (!node.one_of.empty()) {
      size_t matching = 0;
      for (const SchemaNode* each : node.one_of) matching += Matches(*each, value);
      if (matching != 1)
        valid = Report("must match exactly one of " + std::to_string(node.one_of.size()) +
                       " forms, but matches " + (matching ? std::to_string(matching) : "none"));
    }
    if (node.negated && Matches(*node.negated, value)) valid = Report("has a form that is not allowed");
    if (node.condition) {
      const SchemaNode* branch = Matches(*node.condition, value) ? node.then_branch : node.else_branch;
      if (branch) valid = Check(*branch, value) && valid;
    }
    return valid;
  }

  bool CheckAnyOf(const SchemaNode& node, json_t* value) {
    for (const SchemaNode* each : node.any_of)
      if (Matches(*each, value)) return true;
    if (node.any_of.size() == 1) return Check(*node.any_of[0], value);
    return Report("must match one of " + std::to_string(node.any_of.size()) + " forms");
  }

  // Whether it fits, reporting nothing.
  bool Matches(const SchemaNode& node, json_t* value) {
    ++quiet_;
    const bool valid = Check(node, value);
    --quiet_;
    return valid;
  }

  bool CheckChild(const SchemaNode& node, json_t* child, std::string_view name) {
    const size_t length = path_.size();
    path_ += PointerStep(name);
    const bool valid = Check(node, child);
    path_.resize(length);
    return valid;
  }

  bool ReportAt(std::string_view name, std::string problem) {
    const size_t length = path_.size();
    path_ += PointerStep(name);
    Report(std::move(problem));
    path_.resize(length);
    return false;
  }

  // Notes a problem at the current place; always false.
  bool Report(std::string problem) {
    if (quiet_ == 0 && !Full()) problems_.push_back({path_, std::move(problem)});
    return false;
  }

  // Nothing is gained by looking further.
  bool Full() const { return quiet_ > 0 || exhausted_ || problems_.size() >= limit_; }

  const size_t limit_;
  std::vector<SchemaProblem> problems_;
  std::string path_;
  size_t visits_ = 0;
  int depth_ = 0;
  int quiet_ = 0;
  bool exhausted_ = false;
};

}  // namespace

std::vector<SchemaProblem> Schema::Validate(const Json& instance, size_t limit) const {
  if (!instance) return {{"", "there is no value"}};
  if (DeeperThan(instance.get(), kMaxNesting)) return {{"", "is nested more than 64 levels deep"}};
  return Validator(std::max<size_t>(limit, 1)).Run(*program_->nodes.front(), instance.get());
}

std::vector<std::string> Schema::property_names() const {
  std::vector<std::string> names;
  const Json properties = source_["properties"];
  const char* name;
  json_t* value;
  json_object_foreach(properties.get(), name, value) names.emplace_back(name);
  return names;
}

}  // namespace capeai
