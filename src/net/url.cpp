#include "net/url.hpp"

#include <algorithm>
#include <charconv>

namespace capeai::net {
namespace {

constexpr size_t kMaxUrlBytes = 2000;
constexpr size_t kMaxHostBytes = 253;  // RFC 1035
constexpr size_t kMaxLabelBytes = 63;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool HostChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool ValidName(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  if (!std::all_of(host.begin(), host.end(), HostChar)) return false;
  while (true) {
    const size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabelBytes) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool ParsePort(std::string_view text, uint16_t* port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port);
  return error == std::errc() && end == text.data() + text.size() && *port != 0;
}

Error BadUrl(std::string_view text, const char* why) {
  return Error{sqlstate::kInvalidParameter, "invalid URL \"" + std::string(text.substr(0, 200)) + "\"", why,
               "Write it as https://host[:port][/path]."};
}

// Printable ASCII without what curl or a proxy might read in another way.
bool PlainText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '\\' && c != '"' && c != '<' && c != '>' && c != '#';
  });
}

}  // namespace

std::string Url::origin() const {
  const bool brackets = host.find(':') != std::string::npos;
  return scheme + "://" + (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool ParseHostPort(std::string_view text, Url* url) {
  std::string_view host = text;
  std::string_view rest;
  const bool brackets = !text.empty() && text.front() == '[';
  if (brackets) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  url->port = 0;
  if (!rest.empty() && (rest.front() != ':' || !ParsePort(rest.substr(1), &url->port))) return false;

  url->host.assign(host);
  std::transform(url->host.begin(), url->host.end(), url->host.begin(), Lower);
  url->literal = IpAddress::Parse(url->host, &url->address);
  if (brackets) return url->literal && url->host.find(':') != std::string::npos;
  if (url->literal) return true;
  if (url->host.ends_with('.')) url->host.pop_back();
  return ValidName(url->host);
}

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return BadUrl(text, "It is longer than 2000 bytes.");
  if (!PlainText(text)) {
    return BadUrl(text, "It contains white space, a fragment, or characters that must be percent-encoded.");
  }
  const size_t mark = text.find("://");
  if (mark == std::string_view::npos) return BadUrl(text, "It has no scheme.");
  Url url;
  url.scheme.assign(text.substr(0, mark));
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(), Lower);
  if (url.scheme != "http" && url.scheme != "https") return BadUrl(text, "Only http and https are spoken.");

  std::string_view rest = text.substr(mark + 3);
  const size_t end = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) return BadUrl(text, "It must not contain a user.");
  if (!ParseHostPort(authority, &url)) return BadUrl(text, "Its host or port is malformed.");
  if (url.port == 0) url.port = url.https() ? 443 : 80;
  url.path.assign(rest.substr(end));
  if (url.path.starts_with('?')) url.path.insert(0, "/");
  return url;
}

Result<Url> ParseBaseUrl(std::string_view text) {
  Result<Url> url = ParseUrl(text);
  if (!url.ok()) return url;
  if (url->path.find('?') != std::string::npos) return BadUrl(text, "It must not contain a query.");
  while (url->path.ends_with('/')) url->path.pop_back();
  return url;
}

std::string JoinUrl(const Url& base, std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string joined = base.origin() + base.path;
  if (!joined.ends_with('/')) joined += '/';
  joined += path;
  return joined;
}

}  // namespace capeai::net
