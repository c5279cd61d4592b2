// How errors of the world become the failure of an attempt: SQLSTATE, the short
// code of tasks.error_code, and what a retry may count on.
//
//   code                 SQLSTATE  when
//   transport            08006     no complete answer: connect, TLS, reset, over a limit
//   egress_blocked       08006     the address is not allowed; nothing was sent
//   timeout              57014     the exchange took too long
//   cancelled            57014     dropped by us
//   not_configured       55000     no key, bad base_url, or no model for an agent that needs one
//   over_budget          53400     a budget of capeai_set_limit has no room; waits without a charge
//   rate_limited         CA429     retried without a charge
//   insufficient_quota   CA429     not retried
//   auth_failed          CA401, CA403
//   not_found            CA404     model or path
//   context_too_long     CA400     more than the model takes
//   bad_request          CA4xx     anything else that the server refused
//   provider_error       CA5xx, CA408, CA409
//   malformed_reply      CA200     status 200, but no answer that we understand
//   empty_reply          CA200     an answer without text
//   output_truncated     CA200     structured answer cut off by the token limit
//   content_filter       CA200     the provider withheld the answer
//   invalid_output       CA200     the reply breaks the agent's output_schema, also after one repair
//   retrieval_failed     the search's own SQLSTATE
//   invalid_input        22023     the task's input cannot be sent
#pragma once

#include "agent/agent.hpp"

namespace capeai {

Failure ChatFailure(const ChatError& error);
Failure SearchFailure(const Error& error);
Failure InputFailure(const Error& error);
// One of those with CA200. `retryable` says whether another sample may do better.
Failure OutputFailure(std::string code, std::string message, std::string hint, bool retryable);

// The step's error_details: code, sqlstate, message and, where known, detail, hint and partial_text.
Json FailureDetails(const Failure& failure);

}  // namespace capeai
