#include "agent/redaction.hpp"

#include <gtest/gtest.h>

#include "agent/agent.hpp"

namespace capeai {
namespace {

Redaction Of(const char* rules) {
  std::vector<SchemaProblem> problems;
  Redaction redaction = Redaction::Read(Json::Parse(rules), "/r", problems);
  for (const SchemaProblem& p : problems) ADD_FAILURE() << p.pointer << ": " << p.problem;
  return redaction;
}

TEST(AgentRedaction, EMailAddresses) {
  const Redaction redaction = Of(R"(["email"])");
  EXPECT_EQ(redaction.Mask("write to anna.b+c@mail.example.org, or bob@example.com."),
            "write to [email], or [email].");
  EXPECT_EQ(redaction.Mask("жанна@почта.рф"), "[email]");
  EXPECT_EQ(redaction.Mask("user@localhost, @handle, a @ b.c"), "user@localhost, @handle, a @ b.c");
}

TEST(AgentRedaction, Keys) {
  const Redaction redaction = Of(R"(["key"])");
  for (const char* key :
       {"sk-proj-abcdefghijkl", "ghp_abcdefghijklmnop1234", "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789-abc",
        "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM", "Bearer abcdefghijklmnop", "api_key=abcd1234",
        "password: 'hunter2x", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"}) {
    const std::string masked = redaction.Mask(std::string("a ") + key + " b");
    EXPECT_TRUE(masked.starts_with("a [key]") && masked.ends_with(" b")) << masked;
  }
  for (const char* text : {"the primary key: id", "risk-free and desk-bound", "my password is safe", "sk-1"})
    EXPECT_EQ(redaction.Mask(text), text);
}

TEST(AgentRedaction, CardNumbersByTheirCheckDigit) {
  const Redaction redaction = Of(R"(["card"])");
  EXPECT_EQ(redaction.Mask("4111 1111 1111 1111, 5500-0000-0000-0004 and 340000000000009."),
            "[card], [card] and [card].");
  EXPECT_EQ(redaction.Mask("order 4111 1111 1111 1112"), "order 4111 1111 1111 1112") << "no card number";
  EXPECT_EQ(redaction.Mask("tel. 0123 456 789"), "tel. 0123 456 789");
}

TEST(AgentRedaction, PatternsOfAnAuthor) {
  const Redaction redaction = Of(R"(["email", {"name": "customer", "pattern": "\\bC-[0-9]{4,}\\b"}])");
  EXPECT_EQ(redaction.Mask("C-1234 (c@d.org), C-12"), "[customer] ([email]), C-12");
  EXPECT_EQ(redaction.Mask(""), "");
}

TEST(AgentRedaction, AllOfAValue) {
  const Redaction redaction = Of(R"(["email", "card"])");
  const Json in = Json::Parse(
      R"({"query": "a@b.org", "n": 7, "card": 4111111111111111, "list": ["x", {"c@d.org": null}], "ok": true})");
  EXPECT_EQ(redaction.Mask(in).Dump(),
            R"({"query":"[email]","n":7,"card":"[card]","list":["x",{"[email]":null}],"ok":true})");
}

TEST(AgentRedaction, AManifestSaysWhatIsWrong) {
  const auto parse = [](const char* redaction) {
    Json source =
        Json::Parse(R"({"slug": "a", "name": "A", "version": "1.0.0", "steps": ["generate_response"]})");
    source.Set("redaction", Json::Parse(redaction));
    const auto parsed = ParseManifest(source);
    const auto* problems = std::get_if<std::vector<ManifestProblem>>(&parsed);
    return problems && !problems->empty() ? problems->front().pointer : std::string("none");
  };
  EXPECT_EQ(parse(R"({"input": ["email", {"name": "x", "pattern": "a+"}], "output": ["key"]})"), "none");
  EXPECT_EQ(parse(R"({"input": [{"name": "x", "pattern": "("}]})"), "/redaction/input/0/pattern");
  EXPECT_EQ(parse(R"({"output": ["card", {"name": "x", "pattern": "a*"}]})"), "/redaction/output/1/pattern");
  EXPECT_NE(parse(R"({"output": ["iban"]})"), "none");
  EXPECT_NE(parse(R"({"outputs": ["email"]})"), "none");
}

}  // namespace
}  // namespace capeai
