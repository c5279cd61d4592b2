// The helper process: runs retrieval for queued tasks, each as its task's owner,
// in a transaction of its own, so that nothing of theirs ever runs in the
// worker. Started when there is something to search; leaves when idle.
#include "agent/ask.hpp"
#include "pg/channel.hpp"
#include "pg/process.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "store/retrieve.hpp"
#include "worker/flight_recorder.hpp"
#include "worker/mains.hpp"

namespace capeai::worker {
namespace {

constexpr Duration kIdle = std::chrono::seconds(5);
// When another database waits for a helper and all are taken.
constexpr Duration kIdleWhenWanted = std::chrono::seconds(1);

RetrievalReply Search(const RetrievalRequest& request, FlightRecorder& recorder) {
  FlightRecorder::Entry entry(recorder, request.task_id);
  RetrievalReply reply;
  reply.number = request.number;
  try {
    pg::Transaction transaction("capeai: searching for a task");
    reply.passages = store::Retrieve(request.owner, request.search);
    transaction.Commit();
  } catch (const pg::PgError& e) {
    reply.error = e.error();
  }
  pg::ReportIdle("capeai: waiting for searches");
  return reply;
}

void FreeHelperSlot(void* arg) {
  auto* slot = static_cast<pg::HelperSlot*>(arg);
  slot->pid.store(0);
  slot->database.store(0);
}

// One of the cluster's helper slots; nullptr when all are taken.
pg::HelperSlot* TakeSlot(pg::Oid database) {
  for (pg::HelperSlot& slot : pg::SharedMemory()->helpers) {
    pg::Oid free = 0;
    if (slot.pid.load() != 0 && !pg::ProcessAlive(slot.pid.load())) FreeHelperSlot(&slot);
    if (!slot.database.compare_exchange_strong(free, database)) continue;
    slot.pid.store(pg::ThisPid());
    pg::AtProcessEnd(FreeHelperSlot, &slot);
    return &slot;
  }
  return nullptr;
}

bool AllTaken() {
  for (const pg::HelperSlot& slot : pg::SharedMemory()->helpers)
    if (slot.database.load() == 0) return false;
  return true;
}

}  // namespace

void HelperMain() {
  const pg::ProcessArguments arguments = pg::GetProcessArguments();
  if (!TakeSlot(arguments.database)) return;
  pg::InitProcess(arguments.database);
  auto channel = pg::Channel::Join(static_cast<uint32_t>(arguments.argument));
  if (!channel) return;
  FlightRecorder recorder("pg_stat/capeai." + std::to_string(arguments.database) + ".helper");
  pg::EventWait wait(-1);
  pg::ReportIdle("capeai: waiting for searches");
  MonoTime last = MonoNow();
  while (true) {
    std::string text;
    const auto state = channel->Receive(&text);
    if (state == pg::Channel::State::kGone || !channel->Flush()) return;
    if (state == pg::Channel::State::kMessage) {
      if (const auto request = RetrievalRequest::Decode(text))
        channel->Send(Search(*request, recorder).Encode());
      last = MonoNow();
      pg::ServiceInterrupts();
      continue;
    }
    const Duration idle = AllTaken() ? kIdleWhenWanted : kIdle;
    if (channel->outbox_empty() && MonoNow() - last > idle) return;
    wait.Wait(std::chrono::milliseconds(500));
    pg::ServiceInterrupts();
  }
}

}  // namespace capeai::worker
