// Settings by name: see script.hpp.
#include "script.hpp"

#include <charconv>
#include <functional>
#include <map>

#include "http.hpp"

namespace mock {
namespace {

using Setter = std::function<bool(Script&, const std::string&)>;

bool ParseNumber(const std::string& text, double& out) {
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && rest == text.data() + text.size() && out >= 0 && out < 1e12;
}

template <typename T>
Setter Number(T Script::*member, double factor = 1) {
  return [member, factor](Script& script, const std::string& value) {
    double number = 0;
    if (!ParseNumber(value, number)) return false;
    script.*member = static_cast<T>(number * factor);
    return true;
  };
}

Setter Flag(bool Script::*member) {
  return [member](Script& script, const std::string& value) {
    script.*member = value != "0" && value != "off";
    return value.empty() || value == "1" || value == "0" || value == "on" || value == "off";
  };
}

Setter String(std::string Script::*member, std::string fallback = {}) {
  return [member, fallback](Script& script, const std::string& value) {
    script.*member = value.empty() ? fallback : value;
    return !(script.*member).empty();
  };
}

bool SetText(Script& script, const std::string& value) {
  script.text = value;
  return true;
}

bool SetUsage(Script& script, const std::string& value) {
  script.no_usage = value == "none";
  return value == "none" || value == "on";
}

bool SetBody(Script& script, const std::string& value) {
  script.body = value;
  if (value == "quota" && script.status == 0) script.status = 429;
  for (const char* name : {"html", "empty", "garbage", "detail", "intcode", "quota"})
    if (value == name) return true;
  return false;
}

bool SetReject(Script& script, const std::string& value) {
  static const std::map<std::string, unsigned, std::less<>> kNames = {
      {"stream_options", kRejectStreamOptions}, {"response_format", kRejectResponseFormat},
      {"json_schema", kRejectJsonSchema},       {"max_tokens", kRejectMaxTokens},
      {"temperature", kRejectTemperature},
  };
  for (size_t at = 0; at <= value.size();) {
    const size_t end = std::min(value.find('+', at), value.size());
    const auto found = kNames.find(value.substr(at, end - at));
    if (found == kNames.end()) return false;
    script.reject |= found->second;
    at = end + 1;
  }
  return true;
}

const std::map<std::string, Setter, std::less<>>& Setters() {
  constexpr double kMs = 1000;
  static const std::map<std::string, Setter, std::less<>> kSetters = {
      {"body", SetBody},
      {"bad_json", String(&Script::bad_json, "schema")},
      {"chunk", Number(&Script::chunk)},
      {"comments", Flag(&Script::comments)},
      {"crlf", Flag(&Script::crlf)},
      {"delay", Number(&Script::delay, kMs)},
      {"echo", Flag(&Script::echo)},
      {"endless", Flag(&Script::endless)},
      {"endless_headers", Flag(&Script::endless_headers)},
      {"error_in_stream", Flag(&Script::error_in_stream)},
      {"finish", String(&Script::finish)},
      {"garbage", Flag(&Script::garbage)},
      {"hang", Flag(&Script::hang)},
      {"jitter", Number(&Script::jitter, kMs)},
      {"latency", Number(&Script::latency, kMs)},
      {"no_done", Flag(&Script::no_done)},
      {"ratelimit", Number(&Script::ratelimit)},
      {"redirect", String(&Script::redirect)},
      {"refusal", Flag(&Script::refusal)},
      {"reject", SetReject},
      {"reset", Number(&Script::reset)},
      {"retry_after", String(&Script::retry_after)},
      {"retry_after_ms", Number(&Script::retry_after_ms)},
      {"slow_headers", Number(&Script::slow_headers, kMs)},
      {"split", Number(&Script::split)},
      {"status", Number(&Script::status)},
      {"text", SetText},
      {"times", Number(&Script::times)},
      {"tokens", Number(&Script::tokens)},
      {"tool_calls", String(&Script::tool_calls, "1")},
      {"truncate", Number(&Script::truncate)},
      {"usage", SetUsage},
      {"wrap", Flag(&Script::wrap)},
  };
  return kSetters;
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

bool ApplySettings(std::string_view settings, Script& script, std::string& problem) {
  while (!settings.empty()) {
    const size_t end = settings.find(',');
    const std::string_view item = TrimSpace(settings.substr(0, end));
    settings.remove_prefix(end == std::string_view::npos ? settings.size() : end + 1);
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const std::string value =
        equals == std::string_view::npos ? std::string() : PercentDecode(item.substr(equals + 1));
    const auto setter = Setters().find(name);
    if (setter == Setters().end()) {
      problem = "unknown setting \"" + std::string(name) + "\"";
      return false;
    }
    if (!setter->second(script, value)) {
      problem = "wrong value in \"" + std::string(item) + "\"";
      return false;
    }
  }
  if (script.chunk == 0) script.chunk = 1;
  if (script.status != 0 && (script.status < 200 || script.status > 599)) {
    problem = "status must be 200 to 599";
    return false;
  }
  return true;
}

bool Script::has_fault() const {
  return status != 0 || !body.empty() || !redirect.empty() || hang || endless || endless_headers ||
         slow_headers > 0 || truncate >= 0 || reset >= 0 || error_in_stream || garbage || no_done ||
         !bad_json.empty() || wrap || refusal || !finish.empty() || reject != 0;
}

Script Script::WithoutFaults() const {
  Script healthy;
  healthy.latency = latency;
  healthy.jitter = jitter;
  healthy.delay = delay;
  healthy.ratelimit = ratelimit;
  healthy.chunk = chunk;
  healthy.split = split;
  healthy.comments = comments;
  healthy.crlf = crlf;
  healthy.no_usage = no_usage;
  healthy.text = text;
  healthy.tokens = tokens;
  healthy.echo = echo;
  healthy.tool_calls = tool_calls;
  return healthy;
}

}  // namespace mock
