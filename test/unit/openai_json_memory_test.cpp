#include "openai/json_memory.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openai/json.hpp"

namespace capeai {
namespace {

// An object whose members take blocks of all sizes, below and above what the pools hold.
Json Document(size_t n) {
  Json out = Json::Object();
  for (size_t size = 0; size < 400; size += 7)
    out.Set("m" + std::to_string(size), Json::String(std::string(size, static_cast<char>('a' + n % 26))));
  return out.Set("n", Json::Int(static_cast<int64_t>(n)));
}

TEST(JsonMemory, ValuesAreWholeWhereverTheyCameFrom) {
  std::vector<Json> before;
  for (size_t i = 0; i < 50; ++i) before.push_back(Document(i));
  PoolJsonMemory();
  std::vector<Json> pooled;
  for (size_t i = 0; i < 500; ++i) pooled.push_back(Document(i));
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_TRUE(before[i].Equals(pooled[i])) << i;
    before[i] = Json();  // goes back to malloc
  }
  for (size_t i = 0; i < 500; i += 7) pooled[i] = Json();
  for (size_t i = 0; i < 500; i += 7) pooled[i] = Json::Parse(Document(i).Dump());
  for (size_t i = 0; i < 500; ++i) EXPECT_TRUE(pooled[i].Equals(Document(i))) << i;
}

TEST(JsonMemory, TextOfAnyLengthIsDumpedWhole) {
  for (const size_t size : {0, 1, 2045, 2046, 2047, 2048, 10000}) {
    const std::string text(size, 'x');
    EXPECT_EQ(Json::String(text).Dump(), '"' + text + '"');
  }
}

}  // namespace
}  // namespace capeai
