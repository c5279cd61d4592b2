#include "openai/sse.hpp"

#include <charconv>

namespace capeai {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Offset of the first CR or LF, or npos.
size_t FindLineEnd(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] == '\n' || bytes[i] == '\r') return i;
  return std::string_view::npos;
}

}  // namespace

SseParser::Step SseParser::Next(std::string_view& bytes, SseEvent& event) {
  std::string_view line;
  while (!too_long_ && TakeLine(bytes, line)) {
    if (!Interpret(line)) continue;
    Publish(event);
    return Step::kEvent;
  }
  return too_long_ ? Step::kTooLong : Step::kNeedMore;
}

// Sets `line` to the next whole line, without its end; it points into `bytes`
// or into line_.
bool SseParser::TakeLine(std::string_view& bytes, std::string_view& line) {
  if (line_pending_) {
    line_.clear();
    line_pending_ = false;
  }
  if (skip_lf_ && !bytes.empty()) {
    if (bytes.front() == '\n') bytes.remove_prefix(1);
    skip_lf_ = false;
  }
  const size_t end = FindLineEnd(bytes);
  const size_t length = end == std::string_view::npos ? bytes.size() : end;
  if (line_.size() + length > limits_.line_bytes) {
    too_long_ = true;
    return false;
  }
  if (end == std::string_view::npos) {
    line_.append(bytes);
    bytes = {};
    return false;
  }
  line = bytes.substr(0, end);
  if (!line_.empty()) {
    line_.append(line);
    line = line_;
    line_pending_ = true;
  }
  skip_lf_ = bytes[end] == '\r';
  bytes.remove_prefix(end + 1);
  if (first_line_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  return true;
}

// True if the line is the blank one that completes an event.
bool SseParser::Interpret(std::string_view line) {
  if (line.empty()) {
    if (!data_.empty()) return true;
    type_.clear();
    return false;
  }
  const size_t colon = line.find(':');
  if (colon == 0) return false;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (field == "data") {
    if (!AppendData(value)) too_long_ = true;
  } else if (field == "event") {
    type_.assign(value);
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) id_.assign(value);
  } else if (field == "retry") {
    long millis = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), millis);
    if (error == std::errc() && rest == value.data() + value.size() && millis >= 0) retry_millis_ = millis;
  }
  return false;
}

bool SseParser::AppendData(std::string_view value) {
  if (data_.size() + value.size() > limits_.event_bytes) return false;
  data_.append(value);
  data_.push_back('\n');
  return true;
}

void SseParser::Publish(SseEvent& event) {
  data_.pop_back();
  published_data_.swap(data_);
  published_type_.swap(type_);
  data_.clear();
  type_.clear();
  event.data = published_data_;
  event.type = published_type_.empty() ? std::string_view("message") : published_type_;
  event.last_id = id_;
}

bool SseParser::Tail(SseEvent& event) {
  if (too_long_) return false;
  if (!line_pending_ && !line_.empty()) {
    std::string_view end = "\n";
    std::string_view line;
    if (TakeLine(end, line)) Interpret(line);
  }
  if (too_long_ || data_.empty()) return false;
  Publish(event);
  return true;
}

}  // namespace capeai
