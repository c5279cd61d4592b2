#include "net/background.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "net/signals.hpp"

namespace capeai::net {
namespace {

// poll() counts milliseconds; a little late is better than spinning.
int PollTimeout(std::optional<Duration> wait) {
  constexpr Duration kLongest = std::chrono::minutes(1);
  if (!wait) return -1;
  return static_cast<int>(Millis(std::min(*wait, kLongest) + std::chrono::microseconds(999)));
}

}  // namespace

Background::Background(int fd, Work work) : fd_(fd), work_(std::move(work)) {}

Background::~Background() {
  if (thread_.joinable()) {
    ending_ = true;
    if (called_back_.exchange(true)) turn_.unlock();
    Wake();
    thread_.join();
  }
  if (wake_ >= 0) close(wake_);
}

bool Background::Start() {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) return false;
  turn_.lock();
  try {
    const SignalsBlocked blocked;  // inherited by the thread, for good
    thread_ = std::thread([this] { Run(); });
  } catch (const std::exception&) {  // no thread to be had, or no memory
    turn_.unlock();
    close(std::exchange(wake_, -1));
    return false;
  }
  return true;
}

void Background::Leave() {
  called_back_ = false;
  turn_.unlock();
  Wake();
}

void Background::Return() {
  called_back_ = true;
  turn_.lock();
}

void Background::Wake() {
  const eventfd_t one = 1;
  (void)eventfd_write(wake_, one);
}

void Background::Run() {
  std::optional<Duration> wait;
  while (!ending_) {
    const bool away = !called_back_;
    pollfd descriptors[] = {{wake_, POLLIN, 0}, {fd_, POLLIN, 0}};
    poll(descriptors, away ? 2 : 1, away ? PollTimeout(wait) : -1);
    eventfd_t wakes = 0;
    if (descriptors[0].revents != 0) (void)eventfd_read(wake_, &wakes);
    // Where the owner has come back meanwhile, this waits until it leaves again.
    const std::lock_guard turn(turn_);
    wait = called_back_ || ending_ ? std::nullopt : work_(called_back_);
  }
}

}  // namespace capeai::net
