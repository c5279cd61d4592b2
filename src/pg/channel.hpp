// A two-way message channel between two processes of one server: one dynamic
// shared memory segment with two of PostgreSQL's message queues. Messages are
// byte strings of any length; nothing here waits.
//
// The opener makes the segment and hands handle() to its peer, who joins. When
// either side lets go (or dies) the other sees kGone. After an error or an
// exception in the middle of a message the channel cannot be used any more:
// let go of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace capeai::pg {

class Channel {
 public:
  // Throws PgError (out of shared memory, too many segments).
  static std::unique_ptr<Channel> Open();
  // nullptr if the segment is gone.
  static std::unique_ptr<Channel> Join(uint32_t handle);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  uint32_t handle() const { return handle_; }

  // Queues a message, without PostgreSQL; Flush() sends it.
  void Queue(std::string message);
  // Queues a message and sends what fits now.
  void Send(std::string message);
  // Sends more of what is queued; false when the peer is gone.
  bool Flush();
  bool outbox_empty() const { return outbox_.empty(); }
  size_t outbox_bytes() const { return outbox_bytes_; }

  enum class State { kMessage, kNothing, kGone };
  State Receive(std::string* message);

 private:
  Channel() = default;
  void Attach(bool opener);

  uint32_t handle_ = 0;
  void* segment_ = nullptr;  // dsm_segment
  void* in_ = nullptr;       // shm_mq_handle
  void* out_ = nullptr;
  std::deque<std::string> outbox_;
  size_t outbox_bytes_ = 0;
};

}  // namespace capeai::pg
