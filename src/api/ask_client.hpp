// This backend's end of the channel to the worker: sends requests, waits for
// their replies, gives up cleanly. One per session, made at first use.
//
// Waiting serves interrupts: a cancelled statement raises out of Wait(), and the
// PendingAsk that unwinds drops its request.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/ask.hpp"
#include "base/time.hpp"
#include "pg/channel.hpp"

namespace capeai::api {

class AskClient {
 public:
  static AskClient& Session();

  // Sends `request` (its number is set here). Raises 55000 when no worker serves
  // this database.
  uint32_t Send(AskRequest request);
  // The next reply to request `number`. Raises 08006 when the worker ends, 57014
  // when the statement is cancelled or `deadline` passes.
  AskReply Wait(uint32_t number, MonoTime deadline);
  // Forgets a request; the worker drops what it does for it. Never raises.
  void Drop(uint32_t number) noexcept;

 private:
  void Connect();
  void Disconnect() noexcept;
  bool WorkerIsSame() const;
  // Reads what has arrived; false when the worker is gone.
  bool Receive();
  void Announce();

  std::unique_ptr<pg::Channel> channel_;
  int slot_ = -1;
  uint64_t incarnation_ = 0;
  uint32_t last_number_ = 0;
  std::unordered_map<uint32_t, std::deque<AskReply>> open_;   // requests under way and their unread replies
};

// A request under way; dropped with its holder.
class PendingAsk {
 public:
  explicit PendingAsk(AskRequest request);
  ~PendingAsk();
  PendingAsk(const PendingAsk&) = delete;
  PendingAsk& operator=(const PendingAsk&) = delete;

  // The next reply; an error that the worker answered with is raised. After
  // kAnswer there is no more.
  AskReply Next();

 private:
  uint32_t number_;
  MonoTime deadline_;
};

}  // namespace capeai::api
