#include "net/egress.hpp"

#include <algorithm>
#include <charconv>

namespace capeai::net {
namespace {

constexpr std::string_view kSeparators = ", \t\r\n";

Error BadEntry(std::string_view entry) {
  return Error{sqlstate::kInvalidParameter,
               "invalid entry \"" + std::string(entry.substr(0, 200)) + "\" in the list of allowed hosts", "",
               "An entry is a host name, *.suffix or an address, each perhaps with :port, or address/bits."};
}

bool HostMatches(const std::string& pattern, std::string_view host) {
  if (pattern.empty()) return true;
  if (pattern.front() == '.') return host.size() > pattern.size() && host.ends_with(pattern);
  return host == pattern;
}

// "10.0.0.0/8", "fd00::/8". False if `text` is anything else.
bool ParseRange(std::string_view text, IpAddress* range, int* bits) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !IpAddress::Parse(text.substr(0, slash), range)) return false;
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  const int most = range->is_v4() ? 32 : 128;
  if (*bits < 0 || *bits > most) return false;
  if (range->is_v4()) *bits += 96;
  return true;
}

}  // namespace

void EgressPolicy::AddLoopback(const std::string& host, uint16_t port) {
  Grant grant{host, port, 96 + 8, {}};
  IpAddress::Parse("127.0.0.0", &grant.range);
  grants_.push_back(grant);
  grant.bits = 128;
  IpAddress::Parse("::1", &grant.range);
  grants_.push_back(grant);
}

Status EgressPolicy::AddUrl(std::string_view text) {
  if (text.empty()) return Ok{};
  Result<Url> url = ParseBaseUrl(text);
  if (!url.ok()) return url.take_error();
  if (url->literal) grants_.push_back({url->host, url->port, 128, url->address});
  if (url->host == "localhost") AddLoopback(url->host, url->port);
  return Ok{};
}

Status EgressPolicy::AddEntry(std::string_view entry) {
  if (entry.find('/') != std::string_view::npos) {
    Grant grant;
    if (!ParseRange(entry, &grant.range, &grant.bits)) return BadEntry(entry);
    grants_.push_back(grant);
    return Ok{};
  }
  // A bare IPv6 address is unambiguous here: its colons cannot start a port.
  Grant literal;
  if (IpAddress::Parse(entry, &literal.range)) {
    literal.bits = 128;
    grants_.push_back(literal);
    return Ok{};
  }
  const bool suffix = entry.starts_with("*.");
  Url url;
  if (!ParseHostPort(suffix ? entry.substr(2) : entry, &url)) return BadEntry(entry);
  if (url.literal) {
    if (suffix) return BadEntry(entry);
    grants_.push_back({"", url.port, 128, url.address});
  } else if (!suffix && url.host == "localhost") {
    AddLoopback(url.host, url.port);
  } else {
    grants_.push_back({suffix ? "." + url.host : url.host, url.port, -1, {}});
  }
  return Ok{};
}

Result<EgressPolicy> EgressPolicy::Create(std::string_view base_url, std::string_view allowed_hosts,
                                          std::string_view proxy) {
  EgressPolicy policy;
  for (std::string_view text : {base_url, proxy}) {
    Status status = policy.AddUrl(text);
    if (!status.ok()) return status.take_error();
  }
  while (true) {
    const size_t start = allowed_hosts.find_first_not_of(kSeparators);
    if (start == std::string_view::npos) return policy;
    allowed_hosts.remove_prefix(start);
    const size_t end = std::min(allowed_hosts.find_first_of(kSeparators), allowed_hosts.size());
    Status status = policy.AddEntry(allowed_hosts.substr(0, end));
    if (!status.ok()) return status.take_error();
    allowed_hosts.remove_prefix(end);
  }
}

bool EgressPolicy::Allows(std::string_view host, const IpAddress& ip, uint16_t port,
                          std::string* reason) const {
  const AddressVerdict verdict = Classify(ip);
  if (verdict.kind == AddressClass::kPublic) return true;
  for (const Grant& grant : grants_) {
    if (grant.port != 0 && grant.port != port) continue;
    if (!HostMatches(grant.host, host)) continue;
    if (grant.bits < 0 ? verdict.kind == AddressClass::kPrivate : ip.InRange(grant.range, grant.bits)) {
      return true;
    }
  }
  if (reason) *reason = ip.ToString() + " (" + verdict.name + ")";
  return false;
}

bool EgressPolicy::Allows(std::string_view host, const sockaddr* address, std::string* reason) const {
  IpAddress ip;
  uint16_t port = 0;
  if (!IpAddress::FromSockaddr(address, &ip, &port)) {
    if (reason) *reason = "not an IP address";
    return false;
  }
  return Allows(host, ip, port, reason);
}

}  // namespace capeai::net
