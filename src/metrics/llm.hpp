// How the calls of one provider and model went: counters in shared memory,
// cluster-wide, since the server's start. One call is one HTTP exchange; a task
// may need several.
//
// It must not know who calls, or what was said.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "pg/shared.hpp"

namespace capeai::metrics {

// How a call ended. The order is that of pg::LlmCounters::endings and of the
// columns of capeai.stat_llm.
enum class Ending : int {
  kSucceeded,
  kRateLimited,  // 429
  kRefused,      // another status below 500
  kServerError,  // 500 and above
  kTimeout,      // our deadline passed
  kNotReached,   // no connection, or it ended before the answer did
  kMalformed,    // an answer that is none
  kBlocked,      // the egress rules forbid the address
  kCancelled     // we dropped it
};
static_assert(static_cast<int>(Ending::kCancelled) + 1 == pg::kLlmEndings);

struct LlmCall {
  Ending ending = Ending::kCancelled;
  bool connected = false;  // the request went out, on a connection
  bool reused = false;     // which was open already
  bool http2 = false;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  std::optional<Duration> took;  // until the last byte; only of those that succeeded
};

void Count(pg::LlmCounters& counters, const LlmCall& call);

// The time within which `share` (0..1) of the calls that succeeded had their
// answer, in milliseconds: the upper bound of its bucket, so up to twice the
// truth. Empty if none has succeeded, or if it lies in the last bucket.
std::optional<int64_t> LatencyQuantile(const pg::LlmCounters& counters, double share);

}  // namespace capeai::metrics
