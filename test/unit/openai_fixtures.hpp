// Recorded responses of real servers, kept beside the repository (not in it):
// $CAPEAI_SHARED/fixtures, or ../shared/fixtures of the repository.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "openai/headers.hpp"
#include "openai/json.hpp"
#include "openai/response.hpp"

namespace capeai::testing_support {

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Empty if there is none.
inline std::filesystem::path SharedFolder(const char* name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> roots;
  if (const char* given = std::getenv("CAPEAI_SHARED")) roots.emplace_back(given);
  // The repository is where this file is; tests may run anywhere.
  roots.push_back(fs::path(__FILE__).parent_path() / "../../../shared");
  roots.emplace_back("../shared");
  for (const fs::path& root : roots)
    if (fs::is_directory(root / name)) return root / name;
  return {};
}

struct Fixture {
  std::string name;
  std::string api;
  int status = 0;
  Headers headers;
  Json expected;
  std::string body;
};

inline std::vector<Fixture> LoadFixtures() {
  std::vector<Fixture> fixtures;
  const auto folder = SharedFolder("fixtures");
  if (folder.empty()) return fixtures;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    constexpr std::string_view kSuffix = ".meta.json";
    if (!file.ends_with(kSuffix)) continue;
    const Json meta = Json::Parse(ReadFile(entry.path()));
    Fixture fixture;
    fixture.name = meta["name"].string_or("");
    fixture.api = meta["api"].string_or("");
    fixture.status = static_cast<int>(meta["status"].integer().value_or(0));
    fixture.expected = meta["expected"];
    fixture.body = ReadFile(folder / (file.substr(0, file.size() - kSuffix.size()) + ".body"));
    const char* name;
    json_t* value;
    json_object_foreach(meta["headers"].get(), name, value) {
      fixture.headers.emplace_back(name, Json::Share(value).string_or(""));
    }
    fixtures.push_back(std::move(fixture));
  }
  std::sort(fixtures.begin(), fixtures.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return fixtures;
}

// Everything that a result says, as one text to compare.
inline std::string Describe(const ChatReply& reply) {
  const Usage& usage = reply.usage;
  std::ostringstream out;
  out << "id=" << reply.id << " model=" << reply.model << " text=" << reply.text
      << " refusal=" << reply.refusal << " reasoning=" << reply.reasoning << " finish=" << reply.finish_reason
      << " tools=" << reply.tool_calls.Dump() << " usage=" << usage.prompt_tokens << '/'
      << usage.completion_tokens << '/' << usage.cached_tokens << '/' << usage.reasoning_tokens << '/'
      << usage.reported << " lossy=" << reply.lossy;
  return out.str();
}
inline std::string Describe(const ChatError& error) {
  std::ostringstream out;
  out << "error kind=" << static_cast<int>(error.kind) << " status=" << error.status << " code=" << error.code
      << " type=" << error.type << " message=" << error.message << " retryable=" << error.retryable
      << " context=" << error.context_length << " wide=" << error.provider_wide
      << " after=" << (error.retry_after ? error.retry_after->count() : -1)
      << " partial: " << Describe(error.partial);
  return out.str();
}
inline std::string Describe(const ChatResult& result) {
  return std::visit([](const auto& value) { return Describe(value); }, result);
}

struct Parsed {
  ChatResult result;
  std::string deltas;  // what TakeText handed out, and what the reply has beyond it
};

// Feeds `body` in pieces of `piece` bytes.
inline Parsed ParseInPieces(int status, const Headers& headers, std::string_view body, size_t piece,
                            ChatResponseParser::Options options = {},
                            TransportEnd end = TransportEnd::kComplete) {
  ChatResponseParser parser(std::move(options));
  parser.Begin(status, headers, WallTime{});
  std::string deltas;
  for (size_t at = 0; at < body.size(); at += piece) {
    const bool more = parser.Feed(body.substr(at, piece));
    deltas += parser.TakeText();
    if (!more) break;
  }
  ChatResult result = parser.Finish(end);
  if (const auto* reply = std::get_if<ChatReply>(&result))
    if (reply->text.size() > parser.taken()) deltas += reply->text.substr(parser.taken());
  return {std::move(result), std::move(deltas)};
}

// Every size up to 64, then some up to the whole; every size for short bodies.
inline std::vector<size_t> PieceSizes(size_t total) {
  std::vector<size_t> sizes;
  for (size_t size = 1; size < total; size += size < 64 || total <= 1024 ? 1 : size / 2)
    sizes.push_back(size);
  sizes.push_back(std::max<size_t>(total, 1));
  return sizes;
}

}  // namespace capeai::testing_support
