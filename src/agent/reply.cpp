#include "agent/reply.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "openai/json_text.hpp"

namespace capeai {
namespace {

constexpr size_t kShownReply = 8000;  // bytes of a bad reply that are sent back for repair

// The same value with texts that a database can store.
Json Storable(const Json& value) {
  if (value.is_string()) return Json::String(utf8::Repair(*value.string()).text);
  if (value.is_array()) {
    Json array = Json::Array();
    for (size_t i = 0; i < value.size(); ++i) array.Push(Storable(value[i]));
    return array;
  }
  if (!value.is_object()) return value;
  Json object = Json::Object();
  const char* name;
  json_t* member;
  json_object_foreach(value.get(), name, member) object.Set(name, Storable(Json::Share(member)));
  return object;
}

}  // namespace

ParsedReply ParseReply(const std::string& text, const Schema& schema) {
  const Json object = ExtractJsonObject(text);
  if (!object) return {{}, {{"", "the reply holds no JSON object"}}};
  ParsedReply parsed;
  parsed.problems = schema.Validate(object, 5);
  if (parsed.problems.empty()) parsed.object = Storable(object);
  return parsed;
}

Json RepairMessages(const Json& messages, const std::string& reply,
                    const std::vector<SchemaProblem>& problems) {
  std::string request = "Your reply cannot be used:\n";
  for (const SchemaProblem& problem : problems)
    request += "- " + (problem.pointer.empty() ? "" : problem.pointer + " ") + problem.problem + "\n";
  request += "Reply again with one JSON object of the required form, and nothing else.";
  Json all = Json::Array();
  for (size_t i = 0; i < messages.size(); ++i) all.Push(messages[i]);
  const auto add = [&](const char* role, std::string_view content) {
    all.Push(Json::Object().Set("role", Json::String(role)).Set("content", Json::String(content)));
  };
  if (!reply.empty()) add("assistant", utf8::Prefix(reply, kShownReply));
  add("user", request);
  return all;
}

ReplyParts TakeParts(const Json& object) {
  ReplyParts parts;
  const Json response = object["response"];
  parts.response = response.is_string() ? *response.string() : object.Dump();
  const Json suggestions = object["suggestions"];
  for (size_t i = 0; i < suggestions.size() && parts.suggestions.size() < 10; ++i) {
    const std::string text = suggestions[i].string_or("");
    const size_t begin = text.find_first_not_of(" \t\n");
    if (begin != text.npos)
      parts.suggestions.push_back(text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1));
  }
  const Json citations = object["citations"];
  for (size_t i = 0; citations.is_array() && i < citations.size(); ++i)
    if (const auto number = citations[i].integer()) parts.citations.push_back(*number);
  if (const auto confidence = object["confidence"].number())
    parts.confidence = std::clamp(*confidence, 0.0, 1.0);
  return parts;
}

}  // namespace capeai
