#include "net/paced_poller.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace capeai::net {
namespace {

// Events of an interval that are handled as they come.
constexpr size_t kAtOnce = 64;
// Sockets served before the clock is looked at.
constexpr int kBatch = 8;

}  // namespace

std::unique_ptr<PacedPoller> PacedPoller::Create(Poller& outer) {
  auto sockets = Poller::Create();
  if (!sockets) return nullptr;
  std::unique_ptr<PacedPoller> paced(new PacedPoller(outer, std::move(*sockets)));
  return outer.Watch(paced->sockets_->fd(), kReadable, paced.get()) ? std::move(paced) : nullptr;
}

PacedPoller::PacedPoller(Poller& outer, std::unique_ptr<Poller> sockets)
    : outer_(outer), sockets_(std::move(sockets)) {}

PacedPoller::~PacedPoller() { outer_.Remove(sockets_->fd()); }

void PacedPoller::SetInterval(Duration interval) {
  if (interval == interval_) return;
  interval_ = interval;
  if (rest_until_) rest_until_ = std::min(*rest_until_, MonoNow() + interval);
}

void PacedPoller::Wake() {
  rest_until_.reset();
  ready_ = true;
  // If it cannot be watched, it is looked at again and again.
  if (!outer_.Watch(sockets_->fd(), kReadable, this)) rest_until_ = MonoNow() + interval_;
}

bool PacedPoller::Run(const std::function<bool()>& stop) {
  if (!ready_ && !rest_until_) return true;
  const MonoTime now = MonoNow();
  if (rest_until_) {
    if (*rest_until_ > now) return true;
    Wake();
  }
  if (now >= interval_end_) {
    interval_end_ = now + interval_;
    events_ = 0;
  }
  // Each of them once: those that have more already would not let it end.
  const size_t most = interval_ > Duration(0) ? std::max(kAtOnce, sockets_->watched()) : SIZE_MAX;
  bool more = true;
  while (more && events_ < most) {
    const int handled = sockets_->Dispatch(kBatch);
    events_ += static_cast<size_t>(handled);
    more = handled == kBatch;
    if (more && stop()) return false;
  }
  ready_ = false;
  if (interval_ > Duration(0) && events_ >= kAtOnce) {
    outer_.Remove(sockets_->fd());
    rest_until_ = interval_end_;
  }
  return true;
}

}  // namespace capeai::net
