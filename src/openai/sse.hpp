// Server-sent events: bytes in, events out. Knows nothing of HTTP or of what
// the events mean. Source: WHATWG HTML, section 9.2.6 "Interpreting an event
// stream".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capeai {

// One event. The views stay valid until the next call of the parser.
struct SseEvent {
  std::string_view type;     // "message" unless the stream named it
  std::string_view data;     // data lines joined by '\n'
  std::string_view last_id;  // of this or an earlier event
};

class SseParser {
 public:
  struct Limits {
    size_t line_bytes = size_t{1} << 20;   // one line without its end; a chat chunk is far below it
    size_t event_bytes = size_t{4} << 20;  // all data lines of one event together
  };
  enum class Step {
    kNeedMore,  // all of `bytes` was consumed
    kEvent,     // `event` is set; call again with what is left of `bytes`
    kTooLong,   // a limit was exceeded; the parser stays in this state
  };

  SseParser() : SseParser(Limits()) {}
  explicit SseParser(Limits limits) : limits_(limits) {}

  // Consumes from the front of `bytes` up to the end of the next event. The
  // result does not depend on how the stream is cut into pieces.
  Step Next(std::string_view& bytes, SseEvent& event);

  // At the end of input: the event that only lacks its blank line (and perhaps
  // its last line end). The standard discards it; servers that forget the last
  // blank line exist, so the caller decides. False if there is none.
  bool Tail(SseEvent& event);

  // Reconnection time in milliseconds, as the last valid `retry` field said;
  // -1 if none came.
  long retry_millis() const { return retry_millis_; }

 private:
  bool TakeLine(std::string_view& bytes, std::string_view& line);
  bool Interpret(std::string_view line);
  bool AppendData(std::string_view value);
  void Publish(SseEvent& event);

  Limits limits_;
  std::string line_;  // start of a line whose end has not arrived
  std::string data_;  // each data line followed by '\n'
  std::string type_;
  std::string id_;
  std::string published_type_;
  std::string published_data_;
  long retry_millis_ = -1;
  bool line_pending_ = false;  // line_ was handed out and must be cleared
  bool first_line_ = true;     // a byte order mark may lead it
  bool skip_lf_ = false;       // the last line ended in CR; an LF belongs to it
  bool too_long_ = false;
};

}  // namespace capeai
