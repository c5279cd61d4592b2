// JSON Schema: the keywords of OpenAI's structured outputs and the common rest.
//
//   any value   type, enum, const, anyOf, oneOf, allOf, not, if/then/else, $ref, true and false
//   objects     properties, required, additionalProperties, patternProperties, propertyNames,
//               minProperties, maxProperties, dependentRequired
//   arrays      items, prefixItems, contains, minContains, maxContains, minItems, maxItems, uniqueItems
//   strings     minLength, maxLength (characters), pattern (RE2 syntax)
//   numbers     minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf
//   ignored     title, description, default, examples, format, deprecated, readOnly, writeOnly, $comment,
//               contentEncoding, contentMediaType, and at the top $schema and $id
//
// $ref is "#" or a pointer into the same document ("#/$defs/name"; "definitions" is accepted for "$defs").
// Anything else is refused when the schema is compiled, so that nobody relies on a keyword that is not
// checked. Source: JSON Schema 2020-12.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "openai/json.hpp"

namespace capeai {

// A fault: where (RFC 6901 pointer into schema or instance) and what ("must be a string").
struct SchemaProblem {
  std::string pointer;
  std::string problem;
};

struct SchemaProgram;  // schema_node.hpp

class Schema {
 public:
  static constexpr int kMaxNesting = 64;  // of schema and of instance

  // All faults of `source`, or the schema ready to use.
  static std::variant<Schema, std::vector<SchemaProblem>> Compile(const Json& source);

  // The first problems found (at most `limit`), empty when `instance` is valid. The work is bounded: an
  // instance that needs more than a million comparisons counts as invalid.
  std::vector<SchemaProblem> Validate(const Json& instance, size_t limit = 1) const;

  const Json& source() const { return source_; }
  // Names under top-level "properties", in their order.
  std::vector<std::string> property_names() const;

 private:
  Schema(std::shared_ptr<const SchemaProgram> program, Json source)
      : program_(std::move(program)), source_(std::move(source)) {}
  std::shared_ptr<const SchemaProgram> program_;
  Json source_;
};

// `name` as one more step of an RFC 6901 pointer: "/" and the name with ~ and / escaped.
std::string PointerStep(std::string_view name);

// Text that is equal for two values exactly when JSON Schema calls them equal: members sorted, 1.0 as 1.
std::string CanonicalJson(const Json& value);

}  // namespace capeai
