// This backend's end of the channel to the worker: sends requests, waits for
// their replies, gives up cleanly. One per session, made at first use.
//
// Waiting serves interrupts: a cancelled statement raises out of Wait(), and the
// PendingAsk that unwinds drops its request.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/ask.hpp"
#include "base/time.hpp"
#include "pg/channel.hpp"

namespace capeai::api {

class AskClient {
 public:
  static AskClient& Session();

  // Sends `request` (its number is set here). Raises 55000 when no worker serves
  // this database. Waits, like Wait(), while much that was sent before is still
  // here, so that a thousand requests do not pile up.
  uint32_t Send(AskRequest request);
  // The next reply to request `number`; nothing if none has arrived yet. Never waits.
  std::optional<AskReply> Take(uint32_t number);
  // The same, but waits. Raises 08006 when the worker ends, 57014 when the
  // statement is cancelled or `deadline` passes.
  AskReply Wait(uint32_t number, MonoTime deadline);
  // What the search for which request `found.number` waits has found.
  void Found(const AskFound& found);
  // Tells the worker that the text of a stream was read.
  void Credit(uint32_t number, std::string_view text);
  // Forgets a request; the worker drops what it does for it, as cancelled or as failed with `error`. Never
  // raises.
  void Drop(uint32_t number, const Error* error = nullptr) noexcept;

 private:
  struct Open {
    std::deque<AskReply> replies;  // not taken yet; of a stream at most kStreamWindow
    bool lost = false;             // the worker that had it is gone: no more will come
  };
  void Connect();
  void Disconnect() noexcept;
  bool WorkerIsSame() const;
  // Reads what has arrived and sends what waits; without a worker it disconnects.
  void Receive();
  void Deliver(AskReply reply);
  void Post(std::string message);

  std::unique_ptr<pg::Channel> channel_;
  int slot_ = -1;
  uint64_t incarnation_ = 0;
  uint32_t last_number_ = 0;
  std::unordered_map<uint32_t, Open> open_;  // until their last reply is taken, or they are dropped
};

// A request under way; dropped with its holder.
class PendingAsk {
 public:
  explicit PendingAsk(AskRequest request);
  ~PendingAsk();
  PendingAsk(const PendingAsk&) = delete;
  PendingAsk& operator=(const PendingAsk&) = delete;

  // For a request that says `searching`: passes on what `search` finds, or the error that it raises, which
  // goes on.
  void Search(const std::function<AskFound()>& search);
  // The next reply; an error that the worker answered with is raised. After
  // kAnswer there is no more.
  AskReply Next();
  // The next reply, errors that the worker answered with included; nothing if
  // none has arrived yet and `wait` is false.
  std::optional<AskReply> Take(bool wait);
  // The text of a delta was handed on.
  void Credit(std::string_view text) { AskClient::Session().Credit(number_, text); }

 private:
  uint32_t number_;
  MonoTime deadline_;
};

}  // namespace capeai::api
