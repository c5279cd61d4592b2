#include "agent/failure.hpp"

#include <set>

#include "openai/errors.hpp"

namespace capeai {
namespace {

std::string StatusState(int status) {
  return status >= 100 && status <= 599 ? "CA" + std::to_string(status) : std::string("CA500");
}

std::string RefusalCode(const ChatError& error, int status) {
  if (error.code == "insufficient_quota" || error.type == "insufficient_quota") return "insufficient_quota";
  if (error.code == "context_length_exceeded") return "context_too_long";
  if (error.code == "content_filter") return "content_filter";
  switch (status) {
    case 429:
      return "rate_limited";
    case 401:
    case 403:
      return "auth_failed";
    case 404:
      return "not_found";
    case 408:
    case 409:
      return "provider_error";
  }
  return status >= 500 ? "provider_error" : "bad_request";
}

}  // namespace

Failure ChatFailure(const ChatError& error) {
  Failure failure;
  failure.error.message = error.message;
  failure.error.hint = HintFor(error);
  failure.retryable = error.retryable;
  failure.provider_wide = error.provider_wide;
  failure.retry_after = error.retry_after;
  failure.output_started = error.output_started;
  failure.raw_text = error.partial.text;
  failure.usage = error.partial.usage;
  failure.charge = !error.outage;
  const auto set = [&](const char* state, const char* code) {
    failure.error.sqlstate = state;
    failure.code = code;
  };
  switch (error.kind) {
    case ChatError::Kind::kTransport:
      set(sqlstate::kConnectionFailure, "transport");
      break;
    case ChatError::Kind::kTimeout:
      set(sqlstate::kQueryCanceled, "timeout");
      break;
    case ChatError::Kind::kCancelled:
      set(sqlstate::kQueryCanceled, "cancelled");
      break;
    case ChatError::Kind::kBlocked:
      set(sqlstate::kConnectionFailure, "egress_blocked");
      break;
    case ChatError::Kind::kConfig:
      set(sqlstate::kNotInPrerequisiteState, "not_configured");
      break;
    case ChatError::Kind::kBudget:
      set(sqlstate::kConfigurationLimit, "over_budget");
      failure.charge = false;
      break;
    case ChatError::Kind::kMalformed:
      set("CA200", "malformed_reply");
      break;
    case ChatError::Kind::kRefused:
    case ChatError::Kind::kInStream: {
      const int status = error.status >= 300 ? error.status : 500;
      set(StatusState(status).c_str(), RefusalCode(error, status).c_str());
      failure.charge = !(status == 429 && error.retryable);
      break;
    }
  }
  return failure;
}

Failure SearchFailure(const Error& error) {
  // Classes of SQLSTATE that pass by themselves: connection, conflicts, resources, operator, locks, system.
  static const std::set<std::string> kPassing = {"08", "40", "53", "55", "57", "58"};
  Failure failure;
  failure.error = error;
  failure.code = "retrieval_failed";
  failure.retryable = kPassing.count(error.sqlstate.substr(0, 2)) > 0 && error.sqlstate != "55000";
  return failure;
}

Failure InputFailure(const Error& error) {
  Failure failure;
  failure.error = error;
  failure.code = "invalid_input";
  return failure;
}

Failure OutputFailure(std::string code, std::string message, std::string hint, bool retryable) {
  Failure failure;
  failure.error = {"CA200", std::move(message), "", std::move(hint)};
  failure.code = std::move(code);
  failure.retryable = retryable;
  return failure;
}

Json FailureDetails(const Failure& failure) {
  Json details = Json::Object();
  const auto set = [&](const char* name, const std::string& text) {
    if (!text.empty()) details.Set(name, Json::String(text));
  };
  set("code", failure.code);
  set("sqlstate", failure.error.sqlstate);
  set("message", failure.error.message);
  set("detail", failure.error.detail);
  set("hint", failure.error.hint);
  set("partial_text", failure.raw_text);
  details.Set("retryable", Json::Bool(failure.retryable));
  return details;
}

}  // namespace capeai
