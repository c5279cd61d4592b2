// SSE parser: whatever the bytes, the events are the same in one piece and in
// pieces, and the limits hold. The first byte chooses the pieces and the limits.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "openai/sse.hpp"

namespace {

using capeai::SseEvent;
using capeai::SseParser;

void Require(bool condition) {
  if (!condition) std::abort();
}

// All events and how it ended, as one text.
std::string Play(std::string_view stream, size_t piece, const SseParser::Limits& limits) {
  SseParser parser(limits);
  SseEvent event;
  std::string log;
  const auto note = [&] {
    Require(event.data.size() <= limits.event_bytes + limits.line_bytes);
    Require(!event.type.empty());
    log.append(event.type).append(1, '\x01').append(event.data).append(1, '\x01');
    log.append(event.last_id).append(1, '\x02');
  };
  for (size_t at = 0; at < stream.size(); at += piece) {
    std::string_view bytes = stream.substr(at, piece);
    SseParser::Step step;
    while ((step = parser.Next(bytes, event)) == SseParser::Step::kEvent) note();
    if (step == SseParser::Step::kTooLong) return log + "too long";
    Require(bytes.empty());
  }
  if (parser.Tail(event)) note();
  return log + std::to_string(parser.retry_millis());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  SseParser::Limits limits;
  if (data[0] & 0x80) limits = {.line_bytes = 24, .event_bytes = 32};
  const std::string whole = Play(stream, stream.size() + 1, limits);
  Require(Play(stream, 1, limits) == whole);
  Require(Play(stream, 2 + data[0] % 29, limits) == whole);
  return 0;
}
