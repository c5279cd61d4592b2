// NOTIFY for listeners (DESIGN, NOTIFY and streams): collects events of many
// tasks and sends them in one transaction of its own, never durable, never able
// to fail or delay a transition.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {

class Notifier {
 public:
  explicit Notifier(pg::WorkerSlot& slot) : slot_(slot) {}

  // Queues an event on the task's channel. `step` and `text` may be empty; each
  // (task, attempt) counts its events from 1.
  void Event(const Uuid& task, int attempt, const char* event, std::string_view step, int progress,
             std::string_view text = {});
  // Answer text of a streaming task: sent at most every capeai.stream_interval.
  void Delta(const Uuid& task, int attempt, std::string_view text);
  // Passes on what Delta() collected for the task, ahead of an event that ends it.
  void FlushDelta(const Uuid& task);
  // A lifecycle event on the owner's channel (capeai_user_channel).
  void Lifecycle(unsigned owner, const Uuid& task, const char* event);
  // The task's counters are not needed any more.
  void Forget(const Uuid& task);

  // When Send() is due; nothing if nothing waits.
  std::optional<MonoTime> due() const;
  // Sends everything that is due, in one transaction. Errors are counted and
  // the events dropped: they show as a gap in seq. Text alone waits while more is
  // `coming` at this very moment, so that all of it goes at once.
  void Send(MonoTime now, bool coming);

 private:
  struct Stream {
    int attempt = 0;
    int64_t seq = 0;
    std::string pending;  // collected deltas
  };
  struct Message {
    Uuid task;  // of its channel
    std::string payload;
  };
  void Append(const Uuid& task, int attempt, const char* event, std::string_view step, int progress,
              std::string_view text);
  void AppendText(const Uuid& task, Stream& stream);
  const std::string& UserChannel(unsigned owner);

  pg::WorkerSlot& slot_;
  std::unordered_map<Uuid, Stream> streams_;
  std::deque<Message> messages_;
  std::vector<Uuid> with_pending_;
  MonoTime text_sent_{};  // when pending text was sent last
  std::map<unsigned, std::vector<std::pair<Uuid, const char*>>> lifecycle_;
  std::map<unsigned, std::string> user_channels_;
};

}  // namespace capeai::worker
