#include "metrics/llm.hpp"

#include <algorithm>
#include <bit>

namespace capeai::metrics {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Bucket i holds what took up to 2^i milliseconds, the last one all that took longer.
size_t BucketOf(Duration took) {
  const int64_t ms = std::max<int64_t>((took.count() + 999) / 1000, 1);
  const auto bucket = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(ms) - 1));
  return std::min<size_t>(bucket, pg::kLatencyBuckets - 1);
}

}  // namespace

void Count(pg::LlmCounters& counters, const LlmCall& call) {
  counters.endings[static_cast<int>(call.ending)].fetch_add(1, kRelaxed);
  if (call.connected) (call.reused ? counters.reused : counters.opened).fetch_add(1, kRelaxed);
  if (call.http2) counters.http2.fetch_add(1, kRelaxed);
  counters.bytes_sent.fetch_add(call.bytes_sent, kRelaxed);
  counters.bytes_received.fetch_add(call.bytes_received, kRelaxed);
  counters.prompt_tokens.fetch_add(static_cast<uint64_t>(std::max<int64_t>(call.prompt_tokens, 0)), kRelaxed);
  counters.completion_tokens.fetch_add(static_cast<uint64_t>(std::max<int64_t>(call.completion_tokens, 0)),
                                       kRelaxed);
  if (call.took) counters.latency[BucketOf(*call.took)].fetch_add(1, kRelaxed);
}

std::optional<int64_t> LatencyQuantile(const pg::LlmCounters& counters, double share) {
  uint64_t all = 0;
  for (const auto& bucket : counters.latency) all += bucket.load(kRelaxed);
  if (all == 0) return std::nullopt;
  uint64_t seen = 0;
  for (int i = 0; i < pg::kLatencyBuckets - 1; ++i) {
    seen += counters.latency[i].load(kRelaxed);
    if (static_cast<double>(seen) >= share * static_cast<double>(all)) return int64_t{1} << i;
  }
  return std::nullopt;
}

}  // namespace capeai::metrics
