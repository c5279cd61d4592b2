// JSON as servers really send it: read with forgiveness, marked when something
// had to be replaced.
#pragma once

#include <string>
#include <string_view>

#include "openai/json.hpp"

namespace capeai {

// Parses one JSON value. Unlike Json::Parse it takes doubled members (the last
// counts), and replaces invalid UTF-8 and halves of surrogate pairs by U+FFFD
// (then sets `lossy`, which is never cleared). Empty if it is still no JSON.
Json ParseWire(std::string_view text, bool* lossy);

// Appends the string `value` to `out`; U+0000 becomes U+FFFD and sets `lossy`.
// Anything but a string appends nothing.
void AppendText(const Json& value, std::string& out, bool* lossy);

// A string as it is, a number as digits; empty for anything else.
std::string ScalarText(const Json& value);

}  // namespace capeai
