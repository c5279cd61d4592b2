// Request parsing: see http.hpp.
#include "http.hpp"

#include <strings.h>

#include <charconv>

namespace mock {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string QueryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos)
      return PercentDecode(pair.substr(equals + 1));
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return {};
}

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (EqualsIgnoreCase(key, name)) return value;
  return {};
}

HttpParser::State HttpParser::ParseHead(std::string_view head, HttpRequest& request) {
  request = HttpRequest();
  size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first || first == 0) return State::kBad;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return State::kBad;
  const size_t question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string_view::npos) request.query = request.target.substr(question + 1);
  request.keep_alive = version == "HTTP/1.1";

  request.headers.reserve(12);
  length_ = 0;
  chunked_ = false;
  bool has_length = false;
  for (size_t at = end + 2; at < head.size() - 2; at = end + 2) {
    end = head.find("\r\n", at);
    const std::string_view field = head.substr(at, end - at);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos || colon == 0 || field[0] == ' ' || field[colon - 1] == ' ')
      return State::kBad;
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = Trim(field.substr(colon + 1));
    request.headers.emplace_back(name, value);
    if (EqualsIgnoreCase(name, "content-length")) {
      size_t length = 0;
      const auto [rest, problem] = std::from_chars(value.begin(), value.end(), length);
      if (problem != std::errc() || rest != value.end() || (has_length && length != length_))
        return State::kBad;
      length_ = length;
      has_length = true;
    } else if (EqualsIgnoreCase(name, "transfer-encoding")) {
      if (!EqualsIgnoreCase(value, "chunked")) return State::kBad;
      chunked_ = true;
    } else if (EqualsIgnoreCase(name, "connection")) {
      if (EqualsIgnoreCase(value, "close")) request.keep_alive = false;
      if (EqualsIgnoreCase(value, "keep-alive")) request.keep_alive = true;
    } else if (EqualsIgnoreCase(name, "expect")) {
      request.expects_continue = EqualsIgnoreCase(value, "100-continue");
    }
  }
  if (chunked_ && has_length) return State::kBad;  // RFC 9112 6.3: request smuggling
  return length_ > limits_.body ? State::kTooLarge : State::kDone;
}

HttpParser::State HttpParser::FeedChunked(std::string_view bytes, size_t& consumed) {
  while (true) {
    const size_t end = bytes.find("\r\n", chunk_at_);
    if (end == std::string_view::npos) return bytes.size() - chunk_at_ > 100 ? State::kBad : State::kNeedMore;
    const std::string_view line = bytes.substr(chunk_at_, end - chunk_at_);
    size_t size = 0;
    const auto [rest, problem] = std::from_chars(line.begin(), line.end(), size, 16);
    if (problem != std::errc() || (rest != line.end() && *rest != ';')) return State::kBad;
    if (size > limits_.body - decoded_.size()) return State::kTooLarge;
    if (bytes.size() < end + 2 + size + 2) return State::kNeedMore;
    if (bytes.substr(end + 2 + size, 2) != "\r\n") return State::kBad;
    decoded_.append(bytes.substr(end + 2, size));
    chunk_at_ = end + 2 + size + 2;
    if (size > 0) continue;
    consumed = chunk_at_;
    return State::kDone;
  }
}

void HttpParser::Reset() {
  head_ = scanned_ = length_ = chunk_at_ = 0;
  chunked_ = wants_continue_ = in_request_ = false;
}

HttpParser::State HttpParser::Feed(std::string_view bytes, HttpRequest& request, size_t& consumed) {
  consumed = 0;
  if (bytes.empty()) return State::kNeedMore;
  in_request_ = true;
  const bool first_time = head_ == 0;
  if (first_time) {
    const size_t end = bytes.find("\r\n\r\n", scanned_);
    if (end == std::string_view::npos) {
      scanned_ = bytes.size() > 3 ? bytes.size() - 3 : 0;
      return bytes.size() > limits_.head ? State::kTooLarge : State::kNeedMore;
    }
    head_ = end + 4;
    if (head_ > limits_.head) return State::kTooLarge;
    chunk_at_ = head_;
    decoded_.clear();
    if (const State state = ParseHead(bytes.substr(0, head_), request); state != State::kDone) return state;
  }
  State state = State::kDone;
  if (chunked_) {
    state = FeedChunked(bytes, consumed);
  } else if (bytes.size() < head_ + length_) {
    state = State::kNeedMore;
  } else {
    consumed = head_ + length_;
  }
  if (state == State::kNeedMore && first_time) wants_continue_ = request.expects_continue;
  if (state != State::kDone) return state;
  const size_t head = head_;
  if (!first_time) ParseHead(bytes.substr(0, head), request);  // the bytes may have moved meanwhile
  request.body = chunked_ ? std::string_view(decoded_) : bytes.substr(head, consumed - head);
  Reset();
  return State::kDone;
}

}  // namespace mock
