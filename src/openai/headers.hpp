// HTTP header fields as plain pairs, so that net/ can hand them over without
// knowing this room.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capeai {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Value of the first field called `name` (compared without case), without
// surrounding blanks; empty if there is none.
std::string_view FindHeader(const Headers& headers, std::string_view name);

// Compares ASCII text without case.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Text without blanks, tabs and line ends around it.
std::string_view TrimBlanks(std::string_view text);

}  // namespace capeai
