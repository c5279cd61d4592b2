// The loop at work: see server.hpp.
#include "server.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mock {
namespace {

constexpr int kBacklog = 16384;
constexpr int kMaxEvents = 512;
constexpr uint32_t kNotAConnection = 0;  // generation of listeners and stop descriptors

uint64_t Pack(int fd, uint32_t generation) {
  return static_cast<uint64_t>(generation) << 32 | static_cast<uint32_t>(fd);
}

}  // namespace

Server::Server(Service& service) : service_(service), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Server::~Server() {
  for (Slot& slot : slots_)
    if (slot.connection) close(slot.connection->fd());
  for (const int fd : listeners_) close(fd);
  close(epoll_);
}

bool Server::Listen(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = Pack(fd, kNotAConnection);
  if (listen(fd, kBacklog) != 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return false;
  listeners_.push_back(fd);
  return true;
}

int Server::ListenTcp(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t length = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || !Listen(fd)) return -1;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

bool Server::ListenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && Listen(fd);
}

void Server::StopOn(int fd, bool only_at_end_of_file) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = Pack(fd, kNotAConnection);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) stops_.emplace_back(fd, only_at_end_of_file);
}

bool Server::IsStop(int fd) {
  for (const auto& [stop, only_at_end] : stops_) {
    if (stop != fd) continue;
    char ignored[512];
    if (!only_at_end || read(fd, ignored, sizeof ignored) <= 0) running_ = false;
    return true;
  }
  return false;
}

void Server::Accept(int listener) {
  for (int i = 0; i < 64; ++i) {  // a few at a time, so that requests are served between
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (static_cast<size_t>(fd) >= slots_.size()) slots_.resize(static_cast<size_t>(fd) + 256);
    Slot& slot = slots_[static_cast<size_t>(fd)];
    slot.connection = std::make_unique<Connection>(fd, service_);
    slot.generation = slot.generation + 1 == kNotAConnection ? 1 : slot.generation + 1;
    slot.due = -1;
    slot.writable = false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = Pack(fd, slot.generation);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    service_.report().ConnectionOpened();
  }
}

void Server::Close(int fd) {
  slots_[static_cast<size_t>(fd)].connection.reset();
  close(fd);
  service_.report().ConnectionClosed();
}

void Server::Obey(int fd, const Wish& wish) {
  if (wish.close) return Close(fd);
  Slot& slot = slots_[static_cast<size_t>(fd)];
  if (wish.writable != slot.writable) {
    epoll_event event{};
    event.events = EPOLLIN | (wish.writable ? EPOLLOUT : 0u);
    event.data.u64 = Pack(fd, slot.generation);
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
    slot.writable = wish.writable;
  }
  if (wish.due >= 0 && wish.due != slot.due) timers_.push({wish.due, fd, slot.generation});
  slot.due = wish.due;
}

void Server::OnEvent(int fd, uint32_t generation, uint32_t events) {
  if (generation == kNotAConnection) {
    if (!IsStop(fd)) Accept(fd);
    return;
  }
  Slot& slot = slots_[static_cast<size_t>(fd)];
  if (!slot.connection || slot.generation != generation) return;  // closed earlier in this batch
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    const Wish wish = slot.connection->OnReadable(now_);
    Obey(fd, wish);
    if (wish.close) return;
  }
  if (events & EPOLLOUT) Obey(fd, slots_[static_cast<size_t>(fd)].connection->OnWritable(now_));
}

void Server::FireTimers() {
  while (!timers_.empty() && timers_.top().due <= now_) {
    const Timer timer = timers_.top();
    timers_.pop();
    Slot& slot = slots_[static_cast<size_t>(timer.fd)];
    if (!slot.connection || slot.generation != timer.generation || slot.due != timer.due) continue;
    slot.due = -1;
    Obey(timer.fd, slot.connection->OnTimer(now_));
  }
}

void Server::Run() {
  std::vector<epoll_event> events(kMaxEvents);
  while (running_) {
    timespec wait{};
    if (!timers_.empty()) {
      const int64_t left = std::max<int64_t>(0, timers_.top().due - MonotonicMicros());
      wait.tv_sec = left / 1000000;
      wait.tv_nsec = left % 1000000 * 1000;
    }
    const int count =
        epoll_pwait2(epoll_, events.data(), kMaxEvents, timers_.empty() ? nullptr : &wait, nullptr);
    if (count < 0 && errno != EINTR) return;
    now_ = MonotonicMicros();
    for (int i = 0; i < count; ++i)
      OnEvent(static_cast<int>(events[static_cast<size_t>(i)].data.u64 & 0xFFFFFFFF),
              static_cast<uint32_t>(events[static_cast<size_t>(i)].data.u64 >> 32),
              events[static_cast<size_t>(i)].events);
    FireTimers();
  }
}

}  // namespace mock
