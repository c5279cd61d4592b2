// Members of a JSON object against a table of rules: the part of the request
// check that is the same for every object of the API. Words and codes of the
// errors are those of the real API.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "api_error.hpp"

namespace mock {

enum class Kind { kString, kInteger, kNumber, kBoolean, kArray, kObject, kAny };

struct Rule {
  const char* name;
  Kind kind;
  bool nullable = false;
  bool required = false;
  double min = -1e300;  // of numbers
  double max = 1e300;
  std::vector<const char*> values = {};  // of strings; empty: any
};

// `path` is the object's place as the API writes it ("messages[0]"); empty at the top.
Check CheckMembers(const cJSON* object, const std::vector<Rule>& rules, const std::string& path);

std::string JoinPath(const std::string& path, std::string_view name);
// "an array", "a string", "null" ... of a value.
const char* Describe(const cJSON* value);
ApiError WrongType(const std::string& path, const char* expected, const cJSON* value);
ApiError WrongValue(const std::string& path, std::string_view value, const std::vector<const char*>& values);
ApiError MissingMember(const std::string& path);

}  // namespace mock
