// What BuildChatBody and BuildEmbeddingsBody write, against OpenAI's published
// request schemas ($CAPEAI_SHARED/openai-schemas or ../shared/openai-schemas).
// It stands with the agent room, since the schema validator lives there.
#include <gtest/gtest.h>

#include <set>

#include "agent/schema.hpp"
#include "openai/request.hpp"
#include "openai_fixtures.hpp"

namespace capeai {
namespace {

using testing_support::ReadFile;
using testing_support::SharedFolder;

struct Published {
  std::optional<Schema> schema;
  std::set<std::string> members;  // at the top
};

void CollectMembers(const Json& root, const Json& node, std::set<std::string>& members) {
  const std::string ref = node["$ref"].string_or("");
  constexpr std::string_view kPrefix = "#/$defs/";
  if (ref.starts_with(kPrefix)) CollectMembers(root, root["$defs"][ref.substr(kPrefix.size())], members);
  const char* name;
  json_t* value;
  json_object_foreach(node["properties"].get(), name, value) members.insert(name);
  for (size_t i = 0; i < node["allOf"].size(); ++i) CollectMembers(root, node["allOf"][i], members);
}

Published Load(const char* file) {
  Published published;
  const auto folder = SharedFolder("openai-schemas");
  if (folder.empty()) return published;
  // Bounds of `seed` there do not fit into 64 bits, and jansson refuses them.
  std::string text = ReadFile(folder / file);
  for (size_t at; (at = text.find("9223372036854776000")) != std::string::npos;) text.replace(at, 19, "9e18");
  const Json source = Json::Parse(text);
  auto compiled = Schema::Compile(source);
  if (auto* problems = std::get_if<std::vector<SchemaProblem>>(&compiled)) {
    ADD_FAILURE() << problems->front().pointer << ": " << problems->front().problem;
    return published;
  }
  published.schema = std::get<Schema>(compiled);
  CollectMembers(source, source, published.members);
  return published;
}

void ExpectValid(const Published& published, const std::string& text) {
  const Json body = Json::Parse(text);
  ASSERT_TRUE(body.is_object()) << text;
  const auto problems = published.schema->Validate(body);
  if (!problems.empty())
    ADD_FAILURE() << problems[0].pointer << ": " << problems[0].problem << " in " << text;
  const char* name;
  json_t* value;
  json_object_foreach(body.get(), name, value) EXPECT_TRUE(published.members.contains(name)) << name;
}

// Every combination of what changes the body.
std::vector<ChatRequest> Requests() {
  std::vector<ChatRequest> requests;
  for (int bits = 0; bits < 32; ++bits) {
    ChatRequest request;
    request.model = "gpt-4o-mini";
    request.messages = Json::Parse(
        bits & 1
            ? R"([{"role":"system","content":"S"},{"role":"user","content":"U"}])"
            : R"([{"role":"user","content":[{"type":"text","text":"U"}]},{"role":"assistant","content":"A"}])");
    request.stream = bits & 2;
    if (bits & 4) request.temperature = 0.3;
    if (bits & 4) request.max_tokens = 100;
    if (bits & 8) {
      request.response_schema = Json::Parse(R"({"type":"object","properties":{"a":{"type":"string"}}})");
      request.schema_name =
          "a name that is rather long, and has characters that are not allowed (\u00e9) in it at all";
    }
    if (bits & 16)
      request.options = Json::Parse(
          R"({"top_p":0.5,"seed":7,"stop":["x"],"user":"u","logprobs":true,"top_logprobs":2,"store":false,)"
          R"("reasoning_effort":"low","verbosity":"low","metadata":{"k":"v"},"presence_penalty":1,)"
          R"("frequency_penalty":-1,"logit_bias":{"1":2},"parallel_tool_calls":true,"service_tier":"auto",)"
          R"("tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto",)"
          R"("response_format":{"type":"json_object"},"max_completion_tokens":5})");
    EXPECT_TRUE(CheckMessages(request.messages).ok());
    EXPECT_TRUE(CheckOptions(request.options).ok());
    requests.push_back(std::move(request));
  }
  return requests;
}

TEST(AgentRequestSchema, ChatBodies) {
  const Published published = Load("chat-completions.request.schema.json");
  if (!published.schema) GTEST_SKIP() << "no published schemas beside the repository";
  ASSERT_GT(published.members.size(), 20u);
  for (const ChatRequest& request : Requests()) {
    for (int bits = 0; bits < 24; ++bits) {
      Profile profile;
      profile.structured = static_cast<Profile::Structured>(bits % 3);
      profile.include_usage = bits / 3 & 1;
      profile.max_completion_tokens = bits / 3 & 2;
      profile.temperature = bits / 3 & 4;
      ExpectValid(published, BuildChatBody(request, profile));
    }
  }
}

// The list of options that CheckOptions takes, against the schema's own.
TEST(AgentRequestSchema, EveryOptionIsPublishedAndTheOtherWayRound) {
  const Published published = Load("chat-completions.request.schema.json");
  if (!published.schema) GTEST_SKIP() << "no published schemas beside the repository";
  const std::set<std::string> ours = {"model", "messages", "stream", "stream_options", "n"};
  for (const std::string& name : published.members) {
    const Status status = CheckOptions(Json::Object().Set(name, Json::Null()));
    const bool known = status.ok() || status.error().message.find("unknown") == std::string::npos;
    EXPECT_TRUE(known) << name;
    EXPECT_EQ(!status.ok() && status.error().message.find("cannot be set") != std::string::npos,
              ours.contains(name))
        << name;
  }
  EXPECT_FALSE(CheckOptions(Json::Object().Set("max_output_tokens", Json::Int(1))).ok());
}

TEST(AgentRequestSchema, EmbeddingsBodies) {
  const Published published = Load("embeddings.request.schema.json");
  if (!published.schema) GTEST_SKIP() << "no published schemas beside the repository";
  ExpectValid(published, BuildEmbeddingsBody("text-embedding-3-small", {"a", "b"}));
  ExpectValid(published, BuildEmbeddingsBody("text-embedding-3-small", {"a"}, EmbeddingFormat::kBase64));
}

// The gate itself must be able to fail.
TEST(AgentRequestSchema, AWrongBodyIsRefused) {
  const Published published = Load("chat-completions.request.schema.json");
  if (!published.schema) GTEST_SKIP() << "no published schemas beside the repository";
  EXPECT_FALSE(published.schema->Validate(Json::Parse(R"({"model":"m"})")).empty());
  EXPECT_FALSE(
      published.schema->Validate(Json::Parse(R"({"model":"m","messages":[{"role":"boss"}]})")).empty());
  EXPECT_FALSE(published.members.contains("max_output_tokens"));
}

}  // namespace
}  // namespace capeai
