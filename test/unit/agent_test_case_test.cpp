#include "agent/test_case.hpp"

#include "agent_fake_host.hpp"

namespace capeai {
namespace {

using test::Parse;

Expectation Expect(const std::string& json) {
  std::vector<ManifestProblem> problems;
  const Json tests = Json::Array().Push(
      Json::Object().Set("name", Json::String("n")).Set("input", Json::Object()).Set("expect", Parse(json)));
  auto cases = ParseTests(tests, std::nullopt, problems);
  for (const auto& p : problems) ADD_FAILURE() << p.pointer << ": " << p.problem;
  return std::move(cases.at(0).expect);
}

Answer MakeAnswer(const std::string& response) {
  Answer answer;
  answer.response = response;
  answer.output = Json::Object().Set("response", Json::String(response)).Set("sum", Json::Int(7));
  answer.citations = Parse(R"([{"url": "docs/a.md#start"}, {"url": "docs/b.md"}, {"url": null}])");
  answer.grounded = true;
  answer.confidence_score = 0.625;
  return answer;
}

// Each assertion holds for one answer and fails, with its name in the message, for another.
TEST(TestCase, EveryAssertionCanFail) {
  struct Case {
    const char* expect;
    const char* good;
    const char* bad;
  };
  const Case cases[] = {
      {R"({"equals": "Yes."})", "\n Yes. \n", "Yes. But"},
      {R"({"contains": "b"})", "abc", "ac"},
      {R"({"contains": ["a", "c"]})", "abc", "ab"},
      {R"({"not_contains": ["x", "y"]})", "abc", "aby"},
      {R"({"regex": "^h[aeiou]llo$"})", "hello", "hllo"},
      {R"({"format": "steps"})", "First:\n1. Do\n2. Done", "- Do"},
      {R"({"format": "checklist"})", "- [ ] Do", "1. Do"},
      {R"({"format": "code"})", "```sql\nSELECT\n```", "SELECT"},
      {R"({"format": "text"})", "Prose with `code`.", "```sql\nSELECT\n```"},
      {R"({"format": "text"})", "Prose.", "- [x] Done"},
  };
  for (const Case& c : cases) {
    const Expectation expect = Expect(c.expect);
    EXPECT_TRUE(Shortcomings(expect, MakeAnswer(c.good)).empty()) << c.expect << " of " << c.good;
    const auto missing = Shortcomings(expect, MakeAnswer(c.bad));
    ASSERT_EQ(missing.size(), 1u) << c.expect << " of " << c.bad;
    EXPECT_NE(std::string(c.expect).find("\"" + missing[0].substr(0, missing[0].find(':'))),
              std::string::npos)
        << missing[0];
  }
}

TEST(TestCase, AssertionsOnTheRestOfTheAnswer) {
  const Answer answer = MakeAnswer("x");
  const auto misses = [&](const char* expect) { return Shortcomings(Expect(expect), answer).size(); };
  EXPECT_EQ(misses(R"({"cites": "docs/a.md"})"), 0u);
  EXPECT_EQ(misses(R"({"cites": ["docs/a.md#other", "docs/b.md?v=2", "docs/c.md"]})"), 1u);
  EXPECT_EQ(misses(R"({"grounded": true})"), 0u);
  EXPECT_EQ(misses(R"({"grounded": false})"), 1u);
  EXPECT_EQ(misses(R"({"refuses": false})"), 0u);
  EXPECT_EQ(misses(R"({"refuses": true})"), 1u);
  EXPECT_EQ(misses(R"({"confidence_between": [0.5, 0.625]})"), 0u);
  EXPECT_EQ(misses(R"({"confidence_between": [0.626, 1]})"), 1u);
  EXPECT_EQ(misses(R"({"json_schema": {"properties": {"sum": {"const": 7}}, "required": ["response"]}})"),
            0u);
  EXPECT_EQ(misses(R"({"json_schema": {"properties": {"sum": {"const": 8}}, "required": ["more"]}})"), 2u);
  Answer bare = MakeAnswer("x");
  bare.confidence_score.reset();
  bare.grounded.reset();
  bare.citations = Json();
  const auto missing =
      Shortcomings(Expect(R"({"confidence_between": [0, 1], "grounded": true, "cites": "a"})"), bare);
  EXPECT_EQ(missing.size(), 3u);
}

TEST(TestCase, FaultsHavePointers) {
  std::vector<ManifestProblem> problems;
  const Json tests = Parse(R"([
    {"name": "a", "input": {"query": 1}, "expect": {"regex": ["ok", "("]}},
    {"name": "a", "input": {"query": "x"}, "expect": {"json_schema": {"type": "thing"}}}])");
  auto schema = Schema::Compile(Parse(R"({"type": "object", "properties": {"query": {"type": "string"}}})"));
  (void)ParseTests(tests, std::get<0>(std::move(schema)), problems);
  std::vector<std::string> pointers;
  for (const auto& problem : problems) pointers.push_back(problem.pointer);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/tests/0/input/query", "/tests/0/expect/regex",
                                                "/tests/1/expect/json_schema/type", "/tests/1/name"}));
}

// What the schema refuses has not the form that ParseTests is promised; it must not mind.
TEST(TestCase, ToleratesAnyForm) {
  for (const char* text :
       {"1", "{}", "[1]", R"([{"name": 1, "input": 2, "expect": 3}])",
        R"([{"expect": {"contains": 5, "regex": [1], "confidence_between": [1], "cites": {}}}])"}) {
    std::vector<ManifestProblem> problems;
    (void)ParseTests(Parse(text), std::nullopt, problems);
  }
}

}  // namespace
}  // namespace capeai
