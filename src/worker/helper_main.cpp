// The helper process: runs retrieval for queued tasks, each as its task's owner,
// in a transaction of its own, so that nothing of theirs ever runs in the
// worker. Started when there is something to search; leaves when idle, or when
// it has had its turn and another database waits for a helper.
#include <algorithm>

#include "agent/ask.hpp"
#include "pg/channel.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "store/retrieve.hpp"
#include "worker/flight_recorder.hpp"
#include "worker/helper_slots.hpp"
#include "worker/mains.hpp"

namespace capeai::worker {
namespace {

constexpr Duration kIdle = std::chrono::seconds(1);
constexpr Duration kTurn = std::chrono::seconds(5);
// One search must not keep all others of its database waiting for longer.
constexpr Duration kLongestSearch = std::chrono::seconds(30);

RetrievalReply Search(const RetrievalRequest& request, FlightRecorder& recorder) {
  FlightRecorder::Entry entry(recorder, request.task_id);
  RetrievalReply reply;
  reply.number = request.number;
  try {
    pg::Transaction transaction("capeai: searching for a task");
    pg::StatementLimit limit(std::min(kLongestSearch, pg::settings::RequestTimeout()));
    reply.passages = store::Retrieve(request.owner, request.search);
    transaction.Commit();
  } catch (const pg::PgError& e) {
    reply.error = e.error();
  }
  pg::ForgetSession();
  pg::ReportIdle("capeai: waiting for searches");
  return reply;
}

// Whom a process was working on is of interest only if it died without coming
// here: not after SIGTERM in the middle of a search.
FlightRecorder& KeepRecorder(pg::Oid database) {
  auto* recorder = new FlightRecorder(HelperRecorderPath(database));
  pg::AtProcessEnd([](void* arg) { delete static_cast<FlightRecorder*>(arg); }, recorder);
  return *recorder;
}

}  // namespace

void HelperMain() {
  const pg::ProcessArguments arguments = pg::GetProcessArguments();
  pg::HelperSlot* slot = TakeReservedHelper(arguments.database);
  if (!slot) return;
  pg::AtProcessEnd([](void* arg) { FreeHelper(*static_cast<pg::HelperSlot*>(arg)); }, slot);
  pg::InitProcess(arguments.database);
  auto channel = pg::Channel::Join(static_cast<uint32_t>(arguments.argument));
  if (!channel) return;
  FlightRecorder& recorder = KeepRecorder(arguments.database);
  pg::EventWait wait(-1);
  channel->Send(RetrievalReply().Encode());  // an answer to nothing: here we are
  pg::ReportIdle("capeai: waiting for searches");
  const MonoTime began = MonoNow();
  MonoTime last = began;
  while (true) {
    const bool turn_over = MonoNow() - began > kTurn && HelperWanted(MonoNow());
    if (turn_over && channel->outbox_empty()) return;
    std::string text;
    const auto state = turn_over ? pg::Channel::State::kNothing : channel->Receive(&text);
    if (state == pg::Channel::State::kGone || !channel->Flush()) return;
    if (state == pg::Channel::State::kMessage) {
      if (const auto request = RetrievalRequest::Decode(text))
        channel->Send(Search(*request, recorder).Encode());
      last = MonoNow();
      pg::ServiceInterrupts();
      continue;
    }
    if (channel->outbox_empty() && MonoNow() - last > kIdle) return;
    wait.Wait(std::chrono::milliseconds(500));
    pg::ServiceInterrupts();
  }
}

}  // namespace capeai::worker
