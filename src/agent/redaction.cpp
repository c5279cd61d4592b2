#include "agent/redaction.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <utility>

namespace capeai {
namespace {

constexpr int64_t kPatternMemory = 1 << 20;  // bytes of RE2 program for one pattern

const std::map<std::string, const char*>& BuiltIn() {
  static const auto* patterns = new std::map<std::string, const char*>{
      {"email", R"([\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+)"},
      // Known prefixes of keys, JSON web tokens, private keys, and what is announced as a secret.
      {"key",
       R"(\b(?:sk|pk|rk)[-_][\w-]{8,}|\b(?:gsk|hf|r8|fw)_\w{8,}|\b(?:xai|pplx|nvapi|glpat|xox[abprs])-[\w-]{8,})"
       R"(|\bgh[oprsu]_\w{16,}|\bgithub_pat_\w{16,}|\bA(?:KIA|SIA)[0-9A-Z]{16}\b|\bAIza[\w-]{20,})"
       R"(|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?s:-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)))"
       R"(|(?i:\bbearer)\s+[\w.~+/-]{12,}=*)"
       R"(|(?i:\b(?:api[_-]?key|access[_-]?token|client[_-]?secret|password|passwd|secret))\s*[=:]\s*["']?[^\s"',;]{4,})"},
      {"card", R"(\b[0-9](?:[ -]?[0-9]){11,18}\b)"},
  };
  return *patterns;
}

// ISO/IEC 7812-1, annex B.
bool HasCheckDigit(std::string_view text) {
  int sum = 0;
  int count = 0;
  for (auto c = text.rbegin(); c != text.rend(); ++c) {
    if (*c < '0' || *c > '9') continue;
    const int digit = *c - '0';
    sum += count++ % 2 == 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9;
  }
  return count >= 12 && count <= 19 && sum % 10 == 0;
}

}  // namespace

Redaction Redaction::Read(const Json& rules, const std::string& pointer,
                          std::vector<SchemaProblem>& problems) {
  Redaction out;
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string name = rules[i].string_or(rules[i]["name"].string_or(""));
    const auto known = BuiltIn().find(name);
    const bool built_in = rules[i].is_string();
    if (built_in && known == BuiltIn().end()) continue;  // the schema has said so
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemory);
    auto pattern =
        std::make_shared<const RE2>(built_in ? known->second : rules[i]["pattern"].string_or(""), options);
    const std::string at = pointer + "/" + std::to_string(i) + "/pattern";
    if (!pattern->ok())
      problems.push_back({at, "is no regular expression in RE2's syntax: " + pattern->error()});
    else if (RE2::FullMatch("", *pattern))
      problems.push_back({at, "must not match the empty text"});
    else
      out.rules_.push_back({"[" + name + "]", std::move(pattern), built_in && name == "card"});
  }
  return out;
}

std::string Redaction::Mask(std::string_view text) const {
  std::string masked(text);
  for (const Rule& rule : rules_) {
    const std::string in = std::exchange(masked, {});
    re2::StringPiece whole(in), found;
    size_t from = 0;
    while (from <= in.size() && rule.pattern->Match(whole, from, in.size(), RE2::UNANCHORED, &found, 1)) {
      const auto at = static_cast<size_t>(found.data() - in.data());
      const size_t end = at + found.size();
      const std::string_view match(found.data(), found.size());
      masked.append(in, from, at - from);
      if (found.empty() || (rule.card && !HasCheckDigit(match))) {
        // As it is; and one further, where there was nothing.
        const size_t next = std::min(end + (found.empty() ? 1 : 0), in.size());
        masked.append(in, at, next - at);
        from = next;
        if (found.empty() && end >= in.size()) break;
        continue;
      }
      masked += rule.mark;
      from = end;
    }
    masked.append(in, std::min(from, in.size()));
  }
  return masked;
}

std::string Redaction::MaskReply(const std::string& text) const {
  if (empty()) return text;
  const Json value = Json::Parse(text);
  return value.is_object() || value.is_array() ? Mask(value).Dump() : Mask(text);
}

Json Redaction::Mask(const Json& value) const {
  if (value.is_string()) return Json::String(Mask(value.string_or("")));
  if (value.is_integer()) {
    const std::string digits = value.Dump();
    std::string masked = Mask(digits);
    return masked == digits ? value : Json::String(masked);
  }
  if (value.is_array()) {
    Json out = Json::Array();
    for (size_t i = 0; i < value.size(); ++i) out.Push(Mask(value[i]));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::Object();
  const char* name;
  json_t* member;
  json_object_foreach(value.get(), name, member) out.Set(Mask(name), Mask(Json::Share(member)));
  return out;
}

}  // namespace capeai
