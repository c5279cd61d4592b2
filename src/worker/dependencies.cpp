#include "worker/dependencies.hpp"

#include <utility>

namespace capeai::worker {
namespace {

// Tasks of one window, and most that are moved at a time.
constexpr int kWindow = 500;

}  // namespace

void Dependencies::LookAtAll() {
  once_more_ = walking_ && !after_.nil();
  walking_ = true;
}

bool Dependencies::Ended(const std::vector<Uuid>& tasks) {
  if (any_) ended_.insert(ended_.end(), tasks.begin(), tasks.end());
  return !ended_.empty();
}

store::Unblocked Dependencies::Resolve(const Uuid& installation) {
  if (!walking_ && ended_.empty()) return {};
  std::vector<Uuid> window;
  if (walking_) {
    window = store::BlockedAfter(installation, after_, kWindow);
    any_ = !window.empty() || !after_.nil();
    walking_ = window.size() == static_cast<size_t>(kWindow) || once_more_;
    if (window.size() < static_cast<size_t>(kWindow)) once_more_ = false;
    after_ = window.size() == static_cast<size_t>(kWindow) ? window.back() : Uuid{};
  }
  const std::vector<Uuid> ended = std::exchange(ended_, {});
  if (window.empty() && ended.empty()) return {};
  store::Unblocked moved = store::ResolveBlocked(installation, window, ended, kWindow);
  // Very many wait for one task: the walk comes to them.
  if (moved.queued + moved.failed.size() >= static_cast<size_t>(kWindow)) LookAtAll();
  return moved;
}

}  // namespace capeai::worker
