#include "agent/semver.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace capeai {
namespace {

TEST(Semver, OrderOfTheSpecification) {
  const std::vector<const char*> rising = {
      "0.0.1",      "0.1.0",        "0.9.9",         "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
      "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",  "1.0.0",         "1.0.1",
      "1.2.0",      "1.10.0",       "2.0.0",         "10.0.0"};
  for (size_t i = 0; i < rising.size(); ++i)
    for (size_t j = 0; j < rising.size(); ++j)
      EXPECT_TRUE(CompareVersions(rising[i], rising[j]) == (i <=> j)) << rising[i] << " and " << rising[j];
}

TEST(Semver, NumbersOfAnyLength) {
  EXPECT_TRUE(CompareVersions("1.0.0-99999999999999999999998", "1.0.0-99999999999999999999999") < 0);
  EXPECT_TRUE(CompareVersions("1.0.0-9", "1.0.0-99999999999999999999999") < 0);
  EXPECT_TRUE(CompareVersions("1.0.0-a", "1.0.0-a.0") < 0);
}

}  // namespace
}  // namespace capeai
