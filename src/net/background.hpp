// Background: a thread that goes on with its owner's work while the owner is
// busy with something else. It is no second worker beside the first: one of the
// two has the turn at any time, so what they work on needs no locks of its own.
//
//   owner:   works ... Leave() ... elsewhere ... Return() ... works
//   thread:  waits .............. works ......... waits
//
// The thread blocks all signals: handlers run in the owner's thread only.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/time.hpp"

namespace capeai::net {

class Background {
 public:
  // What the thread does when it has the turn: all that is due, or less once
  // `called_back` is true; never waits. Returns how long it has nothing to do but
  // for what makes the descriptor readable (nothing: as long as it likes). Must not throw.
  using Work = std::function<std::optional<Duration>(const std::atomic<bool>& called_back)>;

  // `fd` is readable when there is something to do.
  Background(int fd, Work work);
  // Ends the thread, whoever has the turn.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Starts the thread; the owner has the turn. False if the system refuses.
  bool Start();
  bool running() const { return thread_.joinable(); }

  // The owner gives the turn to the thread, and takes it back, which waits until
  // the thread has let go of it. Call them in turn, while it is running.
  void Leave();
  void Return();

 private:
  void Run();
  void Wake();

  const int fd_;
  const Work work_;
  int wake_ = -1;  // an eventfd: the owner has left, or the thread is to end
  std::mutex turn_;
  std::atomic<bool> called_back_{true};  // the owner has the turn, or waits for it
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace capeai::net
