#include "openai/profile.hpp"

#include <cctype>

#include "openai/errors.hpp"

namespace capeai {
namespace {

bool Contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool SaysRefused(int status) {
  return status == 400 || status == 404 || status == 415 || status == 422 || status == 501;
}

// Words of refusal, unlike those of a value out of range.
bool Refuses(const std::string& text) {
  for (const std::string_view word : {"unsupported", "not supported", "does not support", "unrecognized",
                                      "unknown", "not permitted", "unexpected"})
    if (Contains(text, word)) return true;
  return false;
}

bool MeansResponseFormat(const std::string& text, const std::string& param) {
  return param.starts_with("response_format") || Contains(text, "response_format") ||
         Contains(text, "json_schema") || Contains(text, "json_object") ||
         Contains(text, "structured output") || Contains(text, "json mode");
}

}  // namespace

Profile GuessProfile(std::string_view model) {
  const size_t slash = model.rfind('/');
  const std::string name = Lower(slash == std::string_view::npos ? model : model.substr(slash + 1));
  const bool o_series =
      name.size() >= 2 && name[0] == 'o' && std::isdigit(static_cast<unsigned char>(name[1]));
  Profile profile;
  if (o_series || name.starts_with("gpt-5")) {
    profile.max_completion_tokens = true;
    profile.temperature = false;
  }
  return profile;
}

std::optional<Profile> Downgrade(const Profile& profile, const ChatError& error,
                                 const std::string& error_body) {
  using Structured = Profile::Structured;
  if (!SaysRefused(error.status) || error.context_length) return std::nullopt;
  // Not the whole body: FastAPI echoes the request in it.
  const std::string text = Lower(error.message);
  const std::string param = Lower(ErrorParam(error_body));
  const auto names = [&](const char* member) { return param == member || Contains(text, member); };

  Profile next = profile;
  if (profile.include_usage && (names("stream_options") || Contains(text, "include_usage"))) {
    next.include_usage = false;
    return next;
  }
  if (profile.structured != Structured::kPromptOnly && MeansResponseFormat(text, param)) {
    next.structured =
        profile.structured == Structured::kJsonSchema ? Structured::kJsonObject : Structured::kPromptOnly;
    return next;
  }
  // Once: a server that takes neither name must not send us to and fro.
  if (!Refuses(text)) return std::nullopt;
  const char* limit = profile.max_completion_tokens ? "max_completion_tokens" : "max_tokens";
  if (!profile.max_tokens_learned && names(limit)) {
    next.max_completion_tokens = !profile.max_completion_tokens;
    next.max_tokens_learned = true;
    return next;
  }
  if (profile.temperature && names("temperature")) {
    next.temperature = false;
    return next;
  }
  return std::nullopt;
}

}  // namespace capeai
