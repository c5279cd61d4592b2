// The worker's loop: the one place that sees everything, and a plain function.
// Each turn it waits, lets sockets and backends have their say, resumes the
// coroutines that may go on, and writes what came of it: one durable
// transaction for all tasks, then one that notifies.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/coroutine.hpp"
#include "net/client.hpp"
#include "pg/bystander.hpp"
#include "pg/process.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "worker/ask_server.hpp"
#include "worker/audit_sealer.hpp"
#include "worker/claimer.hpp"
#include "worker/dependencies.hpp"
#include "worker/execution.hpp"
#include "worker/flight_recorder.hpp"
#include "worker/journal.hpp"
#include "worker/manifests.hpp"
#include "worker/model_gateway.hpp"
#include "worker/notifier.hpp"
#include "worker/retrieval.hpp"

namespace capeai::worker {

class Loop final : private pg::Bystander {
 public:
  // `slot` is ours already. Throws when the process cannot work at all.
  Loop(int slot, const Uuid& incarnation);
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns when this database has no (usable) extension any more, or another
  // database is to have the slot. SIGTERM ends the process from within.
  void Run();
  // Before the process ends, wherever it is.
  void StopThread() { http_->StopBackground(); }

 private:
  // While PostgreSQL is at work, sockets are served by a thread of the client's;
  // where nothing here hangs on what tasks do, tasks go on there, too.
  void PostgresBegins() noexcept override {
    tasks_go_on_ ? http_->Leave(&go_on_, queue_.size()) : http_->Leave();
  }
  void PostgresHasDone() noexcept override { http_->Return(); }
  class TasksGoOn;
  // In the thread. True: there is more to do.
  bool GoOn(const std::atomic<bool>& called_back);

  // One turn.
  void Turn();
  Duration HowLong(MonoTime now) const;
  // Something was committed that we may have to look at.
  void HearCommits();
  void HearBackends(MonoTime now);
  void CancelWaiting(const std::set<AskAddress>& cancelled);
  // Until there is enough to write, if that is possible now, but no more than `most`;
  // less when called back.
  void ResumeReady(int most, const std::atomic<bool>* called_back);
  // Ends that are worth a commit of their own.
  size_t EnoughEnds() const;
  void RunTimers(MonoTime now);
  void Reload();
  void NoteSettings();
  void UseProvider(Provider provider);

  // What became of attempts (loop_outcome.cpp).
  void Collect(Execution& execution);
  void End(Execution& execution, Outcome outcome);
  void EndWithAnswer(Execution& execution, Answer answer);
  void EndWithFailure(Execution& execution, Failure failure);
  // The end of an attempt that has not begun.
  void EndUnlaunched(const Work& work, const Failure& failure);
  void Cancel(const Uuid& task, const char* reason);
  void DropIdleStream(const Uuid& task);
  void Launch(Work work);
  // Lets go of an execution, whatever its state.
  void Remove(const Uuid& id);
  void HoldAsk(Work work);
  void LaunchHeld(MonoTime now);
  void EndHeld(const std::function<bool(const Work&)>& which, const char* code, const char* message);
  void LaunchAsk(AskServer::Arrived arrived);
  // What the caller of an ask has found meanwhile.
  void TakeFound(const AskAddress& address, AskFound found);
  void Retry(const Work& work, const Failure& failure, Duration delay, store::AttemptEnd& end);

  // The tick: what is written and claimed (loop_tick.cpp).
  std::optional<MonoTime> WriteDue(MonoTime now) const;
  bool TickIsDue(MonoTime now) const;
  void Tick(MonoTime now);
  bool CheckExtension();
  void WriteAndClaim(MonoTime now);
  void AfterCommit(const Journal::Settled& settled, std::vector<Work> claimed);
  void TendQueue(MonoTime now);
  void DeleteOld(MonoTime now);
  std::vector<Work> ClaimWork(MonoTime now);
  bool CompleteWork(Work& work);
  int Capacity() const;
  void Sweep(std::vector<store::EndedTask> ended);
  void TellSwept();
  void PublishSpentBudgets();
  void WriteOwnEvents();
  // What others follow: the trail's next seal, and the notifications.
  void SealAndTell(MonoTime now);
  void WakeWaiters(const std::vector<Uuid>& ended);

  int slot_index_;
  pg::WorkerSlot& slot_;
  Uuid incarnation_;
  Uuid installation_;
  unsigned extension_oid_ = 0;
  bool leaving_ = false;
  int most_connections_ = 0;  // what the limit of open files allows

  FlightRecorder recorder_;
  ReadyQueue queue_;
  std::unique_ptr<net::Poller> poller_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<ModelGateway> models_;
  Retrieval retrieval_;
  Notifier notifier_;
  AskServer asks_;
  Manifests manifests_;
  Claimer claims_;
  Dependencies dependencies_;
  Journal journal_;
  AuditSealer sealer_;
  std::unique_ptr<pg::EventWait> wait_;

  std::unordered_map<Uuid, std::unique_ptr<Execution>> executions_;
  std::unordered_map<void*, Execution*> by_handle_;
  int last_line_ = 0;  // of capeai.active_tasks that was taken
  std::multimap<MonoTime, Uuid> deadlines_;
  std::multimap<MonoTime, Work> retries_;         // of asks
  std::deque<Work> asks_held_;                    // stored; a limit has no room for them
  MonoTime next_room_{};                          // when to see whether it has now
  std::unordered_map<Uuid, Work> asks_unstored_;  // until their first row is committed
  struct PendingReply {
    AskAddress to;
    AskReply reply;
  };
  std::unordered_map<Uuid, PendingReply> replies_;             // sent once the end is durable
  std::unordered_map<Uuid, std::pair<MonoTime, Work>> again_;  // retries, once the failed attempt is stored
  struct Ending {
    unsigned owner;
    int attempt;
    bool ask;
    const char* event;
    std::string text;
  };
  std::unordered_map<Uuid, Ending> endings_;  // notified once the end is durable
  std::vector<store::EndedTask> swept_;       // by the open transaction: failed without an attempt of ours

  std::vector<pg::settings::SettingValue> settings_;  // as of the last reload
  std::string settings_changed_;                      // a JSON object for the audit trail; empty: nothing

  bool look_ = true;   // claim, signals, blocked: something may be there
  bool more_ = false;  // the last claim was as large as it could be
  bool tend_ = true;
  bool recovered_ = false;
  std::vector<Uuid> blamed_;  // tasks that processes died on before we came
  Duration last_commit_{};    // how long the last commit took
  MonoTime next_fallback_{};
  MonoTime next_delete_{};
  MonoTime next_try_{};  // after a lock that was not free, or an error
  std::optional<MonoTime> next_due_;
  int consecutive_errors_ = 0;

  bool tasks_go_on_ = false;
  const net::HttpClient::GoOn go_on_ = [this](const std::atomic<bool>& back) { return GoOn(back); };
};

}  // namespace capeai::worker
