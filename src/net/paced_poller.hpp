// PacedPoller: sockets that bring a little each time, a thousand of them many times
// a second. Read whenever one has something, each read costs more than what it
// brings; so once many have come within an interval, the rest waits for its end,
// and is then read together. Few are read at once.
//
// It is one of the sockets of another Poller, and rests by not being watched there.
// Single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/time.hpp"
#include "net/poller.hpp"

namespace capeai::net {

class PacedPoller : private PollHandler {
 public:
  // `outer` must outlive it. nullptr when the process has no descriptor left.
  static std::unique_ptr<PacedPoller> Create(Poller& outer);
  ~PacedPoller() override;
  PacedPoller(const PacedPoller&) = delete;
  PacedPoller& operator=(const PacedPoller&) = delete;

  Poller& sockets() { return *sockets_; }
  // 0: nothing waits. What waits already, waits no longer than the new one.
  void SetInterval(Duration interval);
  // When Run has something to do whatever outer says.
  std::optional<MonoTime> due() const { return rest_until_; }
  // Handles what is ready, unless it is to rest. False: `stop` came before the end.
  bool Run(const std::function<bool()>& stop);
  // It did, and the next Run goes on.
  bool under_way() const { return ready_; }

 private:
  PacedPoller(Poller& outer, std::unique_ptr<Poller> sockets);
  void OnReady(int, uint32_t) noexcept override { ready_ = true; }
  void Wake();

  Poller& outer_;
  std::unique_ptr<Poller> sockets_;
  Duration interval_{0};
  bool ready_ = false;
  MonoTime interval_end_{};
  size_t events_ = 0;  // handled in this interval
  std::optional<MonoTime> rest_until_;
};

}  // namespace capeai::net
