// Semantic versions: which of two is higher. Source: semver.org 2.0.0, section 11.
#pragma once

#include <compare>
#include <string_view>

namespace capeai {

// Compares two versions that fit the manifest's pattern (no build metadata). A pre-release is lower than its
// release; its identifiers compare as numbers where both are numbers, and numbers are lower than words.
std::strong_ordering CompareVersions(std::string_view a, std::string_view b);

}  // namespace capeai
