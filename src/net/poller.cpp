#include "net/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace capeai::net {
namespace {

uint32_t ToEpoll(uint32_t interest) {
  return (interest & kReadable ? EPOLLIN : 0u) | (interest & kWritable ? EPOLLOUT : 0u);
}

uint32_t FromEpoll(uint32_t events) {
  return (events & EPOLLIN ? kReadable : 0u) | (events & EPOLLOUT ? kWritable : 0u) |
         (events & (EPOLLERR | EPOLLHUP) ? kBroken : 0u);
}

}  // namespace

Result<std::unique_ptr<Poller>> Poller::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    return Error{sqlstate::kOutOfMemory,
                 std::string("could not create an epoll descriptor: ") + strerror(errno), "", ""};
  }
  return std::unique_ptr<Poller>(new Poller(epoll));
}

Poller::~Poller() { close(epoll_); }

bool Poller::Watch(int socket, uint32_t interest, PollHandler* handler) {
  if (socket < 0) return false;
  const auto at = static_cast<size_t>(socket);
  if (at >= entries_.size()) entries_.resize(at + 64);
  Entry& entry = entries_[at];
  const bool known = entry.handler != nullptr;
  if (known && entry.interest == interest && entry.handler == handler) return true;

  if (!known) ++entry.generation;
  epoll_event event{};
  event.events = ToEpoll(interest);
  event.data.u64 = static_cast<uint64_t>(entry.generation) << 32 | static_cast<uint32_t>(socket);
  int result = epoll_ctl(epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
  // The number may have been closed and given out again without Remove.
  if (result < 0 && known && errno == ENOENT) result = epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event);
  if (result < 0 && !known && errno == EEXIST) result = epoll_ctl(epoll_, EPOLL_CTL_MOD, socket, &event);
  if (result < 0) {
    Remove(socket);
    return false;
  }
  if (!known) ++watched_;
  entry.handler = handler;
  entry.interest = interest;
  return true;
}

void Poller::Remove(int socket) {
  const auto at = static_cast<size_t>(socket);
  if (socket < 0 || at >= entries_.size() || !entries_[at].handler) return;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
  entries_[at].handler = nullptr;
  entries_[at].interest = 0;
  --watched_;
}

int Poller::Dispatch(int most) {
  epoll_event events[kMaxEvents];
  const int count = epoll_wait(epoll_, events, std::min(most, kMaxEvents), 0);
  for (int i = 0; i < count; ++i) {
    const auto socket = static_cast<uint32_t>(events[i].data.u64);
    const auto generation = static_cast<uint32_t>(events[i].data.u64 >> 32);
    const Entry entry = entries_[socket];
    if (!entry.handler || entry.generation != generation) continue;
    entry.handler->OnReady(static_cast<int>(socket), FromEpoll(events[i].events));
  }
  return std::max(count, 0);
}

}  // namespace capeai::net
