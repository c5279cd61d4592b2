// The compiled form of a JSON Schema, shared by schema_compile.cpp (which fills
// it) and schema_validate.cpp (which only reads it). Not for other files.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/schema.hpp"

namespace capeai {

// An exact JSON number: an integer stays one, so that 2^53 + 1 is not rounded.
struct SchemaNumber {
  bool is_integer = true;
  int64_t integer = 0;
  double real = 0;  // always set, perhaps rounded
};
SchemaNumber NumberOf(json_t* number);
// Negative, zero or positive, as a - b.
int Compare(const SchemaNumber& a, const SchemaNumber& b);

// One schema object (or true, or false). Pointers go to nodes of the same
// program; null means that the keyword is absent.
struct SchemaNode {
  // One bit for each JSON type name.
  enum Type : unsigned {
    kNull = 1,
    kBoolean = 2,
    kInteger = 4,
    kNumber = 8,
    kString = 16,
    kArray = 32,
    kObject = 64
  };
  using Link = const SchemaNode*;

  std::string pointer;                              // where it stands in the source
  std::optional<bool> always;                       // the schemas true and false
  unsigned types = 0;                               // 0: any
  std::optional<std::vector<std::string>> allowed;  // enum, canonical
  std::optional<std::string> constant;              // const, canonical
  std::string allowed_text;                         // for messages

  std::vector<Link> all_of, any_of, one_of;
  Link negated = nullptr;
  Link condition = nullptr, then_branch = nullptr, else_branch = nullptr;
  Link ref = nullptr;

  std::unordered_map<std::string, Link> properties;
  std::vector<std::string> required;
  std::vector<std::pair<std::shared_ptr<const RE2>, Link>> pattern_properties;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  Link additional_properties = nullptr;
  Link property_names = nullptr;
  std::optional<int64_t> min_properties, max_properties;

  std::vector<Link> prefix_items;
  Link items = nullptr;
  Link contains = nullptr;
  std::optional<int64_t> min_contains, max_contains;
  std::optional<int64_t> min_items, max_items;
  bool unique_items = false;

  std::optional<int64_t> min_length, max_length;
  std::shared_ptr<const RE2> pattern;

  std::optional<SchemaNumber> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;

  bool checks_object() const {
    return !properties.empty() || !required.empty() || !pattern_properties.empty() ||
           !dependent_required.empty() || additional_properties || property_names || min_properties ||
           max_properties;
  }
};

// A whole schema: its nodes, the first of which is the root.
struct SchemaProgram {
  std::vector<std::unique_ptr<SchemaNode>> nodes;
};

}  // namespace capeai
