// Values as JSON Schema sees them: exact numbers, equality, pointers.
#include <algorithm>
#include <cmath>

#include "agent/schema.hpp"
#include "agent/schema_node.hpp"

namespace capeai {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

void AppendCanonical(json_t* value, std::string& out) {
  size_t index;
  json_t* child;
  switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_ARRAY:
      out += '[';
      json_array_foreach(value, index, child) {
        if (index) out += ',';
        AppendCanonical(child, out);
      }
      out += ']';
      return;
    case JSON_OBJECT: {
      std::vector<std::pair<std::string, json_t*>> members;
      const char* name;
      json_object_foreach(value, name, child) members.emplace_back(name, child);
      std::sort(members.begin(), members.end());
      out += '{';
      for (size_t i = 0; i < members.size(); ++i) {
        if (i) out += ',';
        out += Json::String(members[i].first).Dump() + ":";
        AppendCanonical(members[i].second, out);
      }
      out += '}';
      return;
    }
    case JSON_REAL: {
      const SchemaNumber number = NumberOf(value);
      if (number.is_integer) {
        out += std::to_string(number.integer);
      } else {
        char text[32];
        snprintf(text, sizeof text, "%.17g", number.real);
        out += text;
      }
      return;
    }
    default:
      out += Json::Share(value).Dump();
  }
}

}  // namespace

SchemaNumber NumberOf(json_t* number) {
  if (json_is_integer(number)) {
    const int64_t integer = json_integer_value(number);
    return {true, integer, static_cast<double>(integer)};
  }
  const double real = json_real_value(number);
  if (std::trunc(real) == real && real >= -kTwoTo63 && real < kTwoTo63)
    return {true, static_cast<int64_t>(real), real};
  return {false, 0, real};
}

int Compare(const SchemaNumber& a, const SchemaNumber& b) {
  if (a.is_integer && b.is_integer) return a.integer < b.integer ? -1 : a.integer > b.integer;
  return a.real < b.real ? -1 : a.real > b.real;
}

std::string PointerStep(std::string_view name) {
  std::string step = "/";
  for (const char c : name) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::string CanonicalJson(const Json& value) {
  std::string out;
  AppendCanonical(value.get(), out);
  return out;
}

}  // namespace capeai
