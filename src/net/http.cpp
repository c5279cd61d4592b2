#include "net/http.hpp"

namespace capeai::net {

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view HttpErrorName(HttpError error) {
  switch (error) {
    case HttpError::kNone:
      return "none";
    case HttpError::kInvalidRequest:
      return "invalid_request";
    case HttpError::kBlocked:
      return "blocked";
    case HttpError::kResolve:
      return "resolve";
    case HttpError::kConnect:
      return "connect";
    case HttpError::kTls:
      return "tls";
    case HttpError::kTimeoutConnect:
      return "timeout_connect";
    case HttpError::kTimeoutIdle:
      return "timeout_idle";
    case HttpError::kTimeoutTotal:
      return "timeout_total";
    case HttpError::kReset:
      return "reset";
    case HttpError::kProtocol:
      return "protocol";
    case HttpError::kTooLarge:
      return "too_large";
    case HttpError::kEnough:
      return "enough";
    case HttpError::kAborted:
      return "aborted";
    case HttpError::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace capeai::net
