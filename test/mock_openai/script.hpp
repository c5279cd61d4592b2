// What a request is to experience: parsed from "name=value,name,…". Knows
// neither sockets nor JSON. README.md in this folder lists the settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mock {

// Request members that servers without the feature refuse.
enum Reject : unsigned {
  kRejectStreamOptions = 1,
  kRejectResponseFormat = 2,
  kRejectJsonSchema = 4,
  kRejectMaxTokens = 8,
  kRejectTemperature = 16,
};

struct Script {
  // When. Times in microseconds; the settings are in milliseconds.
  int64_t latency = 0;
  int64_t jitter = 0;  // up to this much is added to latency
  int64_t delay = 0;   // before each SSE chunk but the first
  // Faults: dropped once `times` requests have had them.
  int64_t times = -1;            // -1: always
  int status = 0;                // 0: 200
  std::string body;              // html, empty, garbage, detail, intcode, quota
  std::string redirect;          // Location of a 302
  bool hang = false;             // never a byte
  bool endless = false;          // the body never ends
  bool endless_headers = false;  // the head never ends
  int64_t slow_headers = 0;      // between two bytes of the head
  int64_t truncate = -1;         // close after so many SSE chunks (bytes of a plain body)
  int64_t reset = -1;            // RST after so many bytes of the response
  bool error_in_stream = false;
  bool garbage = false;  // a broken JSON chunk in the stream
  bool no_done = false;
  std::string bad_json;  // schema or syntax
  bool wrap = false;     // the answer within ```json fences
  bool refusal = false;
  std::string finish;   // finish_reason; length also cuts the text
  unsigned reject = 0;  // Reject bits
  // Shape of the response.
  std::string retry_after;      // header, seconds or HTTP date
  int64_t retry_after_ms = -1;  // header
  int64_t ratelimit = -1;       // x-ratelimit-* headers with that many requests remaining
  size_t chunk = 12;            // bytes of text per SSE chunk
  size_t split = 0;             // bytes per TCP write, 0: all at once
  bool comments = false;        // comment lines between the events
  bool crlf = false;
  bool no_usage = false;
  std::optional<std::string> text;  // literal answer
  int64_t tokens = 0;               // length of a made-up answer, about 4 bytes each
  bool echo = false;                // the answer is the last user message
  std::string tool_calls;           // call this tool ("1": the first one offered)

  bool has_fault() const;
  // The same, as it is after `times` requests failed.
  Script WithoutFaults() const;
};

// Adds settings to `script`. Values are percent-decoded, so that a text can
// hold a comma. False and the reason in `problem` for an unknown or wrong one.
bool ApplySettings(std::string_view settings, Script& script, std::string& problem);

}  // namespace mock
