#include "pg/postgres.hpp"

extern "C" {
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

#include "pg/channel.hpp"
#include "pg/compat.hpp"
#include "pg/guard.hpp"

namespace capeai::pg {
namespace {

// Each direction. Longer messages pass in pieces, so it bounds memory, not messages.
constexpr size_t kQueueBytes = 64 * 1024;

shm_mq* QueueAt(dsm_segment* segment, int which) {
  return reinterpret_cast<shm_mq*>(static_cast<char*>(dsm_segment_address(segment)) +
                                   kQueueBytes * static_cast<size_t>(which));
}

}  // namespace

std::unique_ptr<Channel> Channel::Open() {
  std::unique_ptr<Channel> channel(new Channel);
  Guarded([&] {
    dsm_segment* segment = dsm_create(2 * kQueueBytes, 0);
    dsm_pin_mapping(segment);
    channel->segment_ = segment;
    channel->handle_ = dsm_segment_handle(segment);
    for (int i = 0; i < 2; ++i) (void)shm_mq_create(QueueAt(segment, i), kQueueBytes);
  });
  channel->Attach(true);
  return channel;
}

std::unique_ptr<Channel> Channel::Join(uint32_t handle) {
  std::unique_ptr<Channel> channel(new Channel);
  channel->handle_ = handle;
  Guarded([&] {
    dsm_segment* segment = dsm_find_mapping(handle) ? nullptr : dsm_attach(handle);
    if (segment) dsm_pin_mapping(segment);
    channel->segment_ = segment;
  });
  if (!channel->segment_) return nullptr;
  channel->Attach(false);
  return channel;
}

void Channel::Attach(bool opener) {
  auto* segment = static_cast<dsm_segment*>(segment_);
  Guarded([&] {
    shm_mq* in = QueueAt(segment, opener ? 0 : 1);
    shm_mq* out = QueueAt(segment, opener ? 1 : 0);
    shm_mq_set_receiver(in, MyProc);
    shm_mq_set_sender(out, MyProc);
    const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    in_ = shm_mq_attach(in, segment, nullptr);
    out_ = shm_mq_attach(out, segment, nullptr);
    MemoryContextSwitchTo(before);
  });
}

Channel::~Channel() {
  if (!segment_) return;
  try {
    Guarded([&] {
      if (in_) shm_mq_detach(static_cast<shm_mq_handle*>(in_));
      if (out_) shm_mq_detach(static_cast<shm_mq_handle*>(out_));
      dsm_detach(static_cast<dsm_segment*>(segment_));
    });
  } catch (const PgError&) {
    // A segment that cannot be unmapped goes with the process.
  }
}

void Channel::Queue(std::string message) {
  outbox_bytes_ += message.size();
  outbox_.push_back(std::move(message));
}

void Channel::Send(std::string message) {
  Queue(std::move(message));
  Flush();
}

bool Channel::Flush() {
  while (!outbox_.empty()) {
    const std::string& next = outbox_.front();
    const shm_mq_result result = Guarded(
        [&] { return shm_mq_send(static_cast<shm_mq_handle*>(out_), next.size(), next.data(), true, true); });
    if (result == SHM_MQ_DETACHED) return false;
    if (result == SHM_MQ_WOULD_BLOCK) return true;
    outbox_bytes_ -= next.size();
    outbox_.pop_front();
  }
  return true;
}

Channel::State Channel::Receive(std::string* message) {
  struct Piece {
    shm_mq_result result;
    Size size;
    void* data;
  };
  const Piece piece = Guarded([&] {
    Piece p{SHM_MQ_DETACHED, 0, nullptr};
    p.result = shm_mq_receive(static_cast<shm_mq_handle*>(in_), &p.size, &p.data, true);
    return p;
  });
  if (piece.result == SHM_MQ_DETACHED) return State::kGone;
  if (piece.result == SHM_MQ_WOULD_BLOCK) return State::kNothing;
  message->assign(static_cast<const char*>(piece.data), piece.size);
  return State::kMessage;
}

}  // namespace capeai::pg
