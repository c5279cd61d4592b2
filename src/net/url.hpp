// http and https URLs, taken apart strictly: what is unusual is refused, so
// that this parser and curl's cannot disagree about the host.
// Must not know: name resolution, requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/address.hpp"

namespace capeai::net {

struct Url {
  std::string scheme;    // "http" or "https"
  std::string host;      // lower case, no brackets, no final dot
  uint16_t port = 0;     // the scheme's own if none is written; never 0
  std::string path;      // "" or starts with "/"; of a base URL, without final "/"
  bool literal = false;  // host is an IP address, namely `address`
  IpAddress address;

  bool https() const { return scheme == "https"; }
  std::string origin() const;  // "https://host:port"
};

// Host and port of an authority or a list entry: "name", "name:port", "1.2.3.4",
// "[::1]:80". Odd numeric spellings of IPv4 (0x7f.1, 2130706433) pass as names:
// they are judged by the address they turn out to be. False if malformed; a
// missing port is 0.
bool ParseHostPort(std::string_view text, Url* url);

// A base URL: http or https, a host, perhaps a port and a path; no user, no
// query, no fragment, no white space, printable ASCII, at most 2,000 bytes.
// Error 22023.
Result<Url> ParseBaseUrl(std::string_view text);

// A request's URL: the same, but the path may have a query and a final "/".
Result<Url> ParseUrl(std::string_view text);

// `base` + `path` ("/chat/completions" or "chat/completions"), one slash between.
std::string JoinUrl(const Url& base, std::string_view path);

}  // namespace capeai::net
