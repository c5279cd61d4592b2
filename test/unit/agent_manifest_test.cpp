// Manifests and schemas: what is accepted, and what an author is told.
#include <gtest/gtest.h>

#include "agent/strict_schema.hpp"
#include "agent_fake_host.hpp"

namespace capeai {
namespace {

using test::Parse;
using test::ShippedSource;

std::vector<ManifestProblem> Problems(const Json& source) {
  auto parsed = ParseManifest(source);
  if (auto* problems = std::get_if<1>(&parsed)) return *problems;
  return {};
}

bool Has(const std::vector<SchemaProblem>& problems, const std::string& pointer,
         const std::string& part = "") {
  for (const SchemaProblem& p : problems)
    if (p.pointer == pointer && p.problem.find(part) != std::string::npos) return true;
  return false;
}

std::string Show(const std::vector<SchemaProblem>& problems) {
  std::string text;
  for (const SchemaProblem& p : problems) text += p.pointer + ": " + p.problem + "\n";
  return text;
}

TEST(Manifest, ShippedOnesAreGood) {
  for (const char* slug : {"cape-ai-guide", "chat"}) {
    const auto manifest = test::Shipped(slug);
    ASSERT_TRUE(manifest);
    EXPECT_EQ(manifest->slug, slug);
    EXPECT_EQ(manifest->visibility, "public");
    EXPECT_EQ(manifest->status, "published");
    EXPECT_TRUE(manifest->source.Equals(ShippedSource(slug)));
  }
  const auto guide = test::Shipped("cape-ai-guide");
  EXPECT_EQ(guide->steps.size(), 5u);
  EXPECT_EQ(guide->unsupported_policy, UnsupportedPolicy::kFlag);
  EXPECT_FALSE(guide->retry_after_output);
  EXPECT_EQ(guide->passages, 6);
}

TEST(Manifest, ShippedInputRules) {
  const Schema guide = *test::Shipped("cape-ai-guide")->input_schema;
  const auto valid = [](const Schema& schema, const std::string& input) {
    return schema.Validate(Parse(input)).empty();
  };
  EXPECT_TRUE(valid(guide, R"({"query":"x"})"));
  EXPECT_TRUE(
      valid(guide, R"({"query":"x","context":{"a":1},"user_level":"advanced","preferred_format":"code"})"));
  EXPECT_FALSE(valid(guide, R"({"query":""})"));
  EXPECT_FALSE(valid(guide, R"({"query":"  "})"));
  EXPECT_FALSE(valid(guide, R"({})"));
  EXPECT_FALSE(valid(guide, R"({"query":"x","context":[]})"));
  EXPECT_FALSE(valid(guide, R"({"query":"x","user_level":"expert"})"));
  EXPECT_FALSE(valid(guide, R"({"query":"x","more":1})"));
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "ü";
  EXPECT_TRUE(valid(guide, "{\"query\":\"" + umlauts + "\"}"));
  EXPECT_FALSE(valid(guide, "{\"query\":\"" + umlauts + "x\"}"));
  const Schema chat = *test::Shipped("chat")->input_schema;
  EXPECT_TRUE(valid(chat, R"({"messages":[{"role":"user","content":"x"}]})"));
  EXPECT_FALSE(valid(chat, R"({"query":"x","messages":[{"role":"user","content":"x"}]})"));
  EXPECT_FALSE(valid(chat, R"({})"));
  EXPECT_FALSE(valid(chat, R"({"messages":[{"role":"root","content":"x"}]})"));
}

TEST(Manifest, PublishedSchemaIsTheOneUsed) {
  const Json published = Parse(test::ReadText(test::Root() / "agents" / "manifest.schema.json"));
  EXPECT_TRUE(published.Equals(Parse(ManifestSchemaText())));
}

TEST(Manifest, SmallestOne) {
  const auto manifest =
      test::Load(Parse(R"({"slug":"a","name":"A","version":"0.1.0","steps":["generate_response"]})"));
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->visibility, "private");
  EXPECT_EQ(manifest->status, "published");
  EXPECT_EQ(manifest->user_prompt, "{{query}}");
}

TEST(Manifest, TestsMakeADraft) {
  Json source = Parse(
      R"({"slug":"a","name":"A","version":"0.1.0","steps":["generate_response"],"tests":[{"name":"one","input":{},"expect":{"refuses":false}}]})");
  EXPECT_EQ(test::Load(source)->status, "draft");
}

TEST(Manifest, AllProblemsAtOnce) {
  const auto problems = Problems(Parse(R"({
    "slug": "-Bad-", "version": "1.0", "colour": "red", "visibility": "everyone",
    "steps": ["format_response", "analyze_context", "dance"],
    "model": {"temperature": 3, "top_p": 1},
    "prompts": {"system": "{{passages}}", "user": "{{nonsense}}"},
    "input_schema": {"type": "object", "properties": {"a": {"type": "strin"}}},
    "output_schema": {"type": "object", "properties": {"response": {"type": "string"}}},
    "unsupported_policy": "flag"})"));
  for (const auto& [pointer, part] : {std::pair{"/slug", "lower-case"},
                                      {"/name", "is required"},
                                      {"/version", "semantic version"},
                                      {"/colour", "not a known member"},
                                      {"/visibility", "must be one of"},
                                      {"/steps/1", "must come before format_response"},
                                      {"/steps/2", "must be one of"},
                                      {"/steps", "generate_response"},
                                      {"/model/temperature", "at most 2"},
                                      {"/model/top_p", "not a known member"},
                                      {"/prompts/system", "belongs in the user prompt"},
                                      {"/prompts/user", "{{nonsense}}"},
                                      {"/input_schema/properties/a/type", ""},
                                      {"/output_schema/additionalProperties", "must be false"},
                                      {"/output_schema/required", "response"},
                                      {"/unsupported_policy", "retrieve_knowledge"}})
    EXPECT_TRUE(Has(problems, pointer, part)) << pointer << " in\n" << Show(problems);
}

TEST(Manifest, KnowledgeGoesWithItsStep) {
  Json guide = ShippedSource("cape-ai-guide").DeepCopy();
  guide.Set("knowledge", Parse(R"({"collection":"a","function":"b.c"})"));
  EXPECT_TRUE(Has(Problems(guide), "/knowledge", "either"));
  guide.Set("knowledge", Parse(R"({"function":"search"})"));
  EXPECT_TRUE(Has(Problems(guide), "/knowledge/function", "schema"));
  guide.Set("knowledge", Parse(R"({"function":"app.search","passages":0})"));
  EXPECT_TRUE(Has(Problems(guide), "/knowledge/passages"));
  guide.Set("knowledge", Parse(R"({"function":"app.search"})"));
  EXPECT_TRUE(Problems(guide).empty()) << Show(Problems(guide));
  guide.Set("prompts", Parse(R"({"user":"{{query}}"})"));
  EXPECT_TRUE(Has(Problems(guide), "/prompts/user", "{{passages}}"));
  guide.Set("steps", Parse(R"(["generate_response","match_resources"])"));
  EXPECT_TRUE(Has(Problems(guide), "/knowledge", "never used"));
  EXPECT_TRUE(Has(Problems(guide), "/steps", "needs retrieve_knowledge"));
}

// Each member of a good manifest replaced by each kind of wrong value: always problems, never anything worse.
TEST(Manifest, WrongTypesEverywhere) {
  const Json good = ShippedSource("cape-ai-guide");
  const char* name;
  json_t* member;
  int tried = 0;
  json_object_foreach(good.get(), name, member) {
    for (const char* wrong :
         {"null", "true", "-1", "1e300", "\"\\u0001\"", "[]", "[[]]", "{}", "{\"\":{}}", "[null]"}) {
      Json source = good.DeepCopy();
      source.Set(name, Parse(wrong));
      const auto problems = Problems(source);
      for (const auto& p : problems) EXPECT_FALSE(p.problem.empty());
      ++tried;
    }
  }
  EXPECT_GT(tried, 100);
  for (const char* wrong : {"null", "[]", "1", "\"x\""})
    EXPECT_FALSE(Problems(Parse(wrong)).empty()) << wrong;
}

// --- schemas beyond what the public suite says ---

std::vector<SchemaProblem> CompileProblems(const Json& source) {
  auto compiled = Schema::Compile(source);
  if (auto* problems = std::get_if<1>(&compiled)) return *problems;
  return {};
}

std::string First(const std::string& schema, const std::string& instance) {
  const auto problems = std::get<Schema>(Schema::Compile(Parse(schema))).Validate(Parse(instance));
  return problems.empty() ? "" : problems[0].pointer + ": " + problems[0].problem;
}

TEST(Schema, RefusesWhatItDoesNotKnow) {
  EXPECT_TRUE(Has(CompileProblems(Parse(R"({"properties":{"a/b":{"unevaluatedItems":false}}})")),
                  "/properties/a~1b/unevaluatedItems", "not supported"));
  EXPECT_TRUE(Has(CompileProblems(Parse(R"j({"pattern":"(?=x)"})j")), "/pattern", "RE2"));
  EXPECT_TRUE(Has(CompileProblems(Parse(R"({"$ref":"#/$defs/x"})")), "/$ref", "nothing"));
  EXPECT_TRUE(Has(CompileProblems(Parse(R"({"$ref":"other.json"})")), "/$ref"));
  EXPECT_TRUE(Has(CompileProblems(Parse(R"({"minLength":-1})")), "/minLength"));
}

TEST(Schema, RefusesEndlessReferences) {
  EXPECT_TRUE(Has(CompileProblems(Parse(R"({"$ref":"#"})")), "", "without end"));
  EXPECT_FALSE(
      CompileProblems(Parse(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}})"))
          .empty());
  EXPECT_TRUE(CompileProblems(Parse(R"({"properties":{"next":{"$ref":"#"}}})")).empty());  // a list ends
}

TEST(Schema, RecursionOverTheInstanceEnds) {
  std::string deep = "1";
  for (int i = 0; i < 60; ++i) deep = "{\"next\":" + deep + "}";
  EXPECT_EQ(First(R"({"properties":{"next":{"$ref":"#"}}})", deep), "");
  for (int i = 0; i < 1000; ++i) deep = "{\"next\":" + deep + "}";
  EXPECT_EQ(First(R"({"properties":{"next":{"$ref":"#"}}})", deep), ": is nested more than 64 levels deep");
}

TEST(Schema, NestingOfTheSchemaIsBounded) {
  std::string deep = "{}";
  for (int i = 0; i < 100; ++i) deep = "{\"items\":" + deep + "}";
  const auto problems = CompileProblems(Parse(deep));
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].problem, "is nested more than 64 levels deep");
}

TEST(Schema, WorkIsBounded) {
  // Each level asks the next one twice: 2^40 visits if nobody counted.
  Json defs = Json::Object();
  for (int i = 0; i < 40; ++i) {
    const Json ref = Json::Object().Set("$ref", Json::String("#/$defs/d" + std::to_string(i + 1)));
    defs.Set("d" + std::to_string(i),
             Json::Object().Set("allOf", Json::Array().Push(ref).Push(ref.DeepCopy())));
  }
  defs.Set("d40", Json::Object());
  const Json source = Json::Object().Set("$ref", Json::String("#/$defs/d0")).Set("$defs", defs);
  const auto problems = std::get<Schema>(Schema::Compile(source)).Validate(Json::Int(1));
  ASSERT_FALSE(problems.empty());
  EXPECT_NE(problems[0].problem.find("too complex"), std::string::npos);
}

TEST(Schema, LongChainsOfReferences) {
  Json defs = Json::Object();
  for (int i = 0; i < 5000; ++i)
    defs.Set("d" + std::to_string(i),
             Json::Object().Set("$ref", Json::String("#/$defs/d" + std::to_string(i + 1))));
  defs.Set("d5000", Json::Object());
  const Json source = Json::Object().Set("$ref", Json::String("#/$defs/d0")).Set("$defs", defs);
  EXPECT_FALSE(std::get<Schema>(Schema::Compile(source)).Validate(Json::Int(1)).empty());
}

TEST(Schema, SpeaksToPeople) {
  EXPECT_EQ(First(R"({"type":"string"})", "1"), ": must be a string, not a number");
  EXPECT_EQ(First(R"({"type":["string","null"]})", "[]"), ": must be a string or null, not an array");
  EXPECT_EQ(First(R"({"enum":["a","b"]})", "\"c\""), ": must be one of \"a\", \"b\"");
  EXPECT_EQ(First(R"({"maxLength":2})", "\"äöü\""), ": must have at most 2 characters, not 3");
  EXPECT_EQ(First(R"({"required":["q"]})", "{}"), "/q: is required");
  EXPECT_EQ(First(R"({"additionalProperties":false})", R"({"x":1})"), "/x: is not a known member");
  EXPECT_EQ(First(R"({"items":{"minimum":3}})", "[5,2]"), "/1: must be at least 3");
}

TEST(Schema, NumbersAreExact) {
  EXPECT_NE(First(R"({"maximum":9007199254740992})", "9007199254740993"), "");
  EXPECT_EQ(First(R"({"const":1})", "1.0"), "");
  EXPECT_NE(First(R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2.0,"a":1}])"), "");
  EXPECT_EQ(First(R"({"multipleOf":0.01})", "19.99"), "");
  EXPECT_NE(First(R"({"multipleOf":0.01})", "19.995"), "");
}

TEST(Schema, SeveralProblemsOnRequest) {
  const Schema schema = std::get<Schema>(Schema::Compile(
      Parse(R"({"properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["c"]})")));
  EXPECT_EQ(schema.Validate(Parse(R"({"a":1,"b":2})"), 10).size(), 3u);
  EXPECT_EQ(schema.Validate(Parse(R"({"a":1,"b":2})")).size(), 1u);
}

TEST(StrictSchema, NamesWhatOpenAiRefuses) {
  const auto problems =
      StrictSchemaProblems(Parse(R"({"type":"object","additionalProperties":false,"required":["a"],
    "properties":{"a":{"type":"object","properties":{"x":{"type":"string","minLength":1}}},
                  "b":{"allOf":[]}}})"));
  EXPECT_TRUE(Has(problems, "/required", "\"b\""));
  EXPECT_TRUE(Has(problems, "/properties/a/additionalProperties"));
  EXPECT_TRUE(Has(problems, "/properties/a/required", "\"x\""));
  EXPECT_TRUE(Has(problems, "/properties/a/properties/x/minLength"));
  EXPECT_TRUE(Has(problems, "/properties/b/allOf"));
  EXPECT_TRUE(StrictSchemaProblems(ShippedSource("cape-ai-guide")["output_schema"]).empty());
}

}  // namespace
}  // namespace capeai
