// The launcher: one per cluster. Finds the databases with the extension, one
// probe at a time, gives each a slot and a worker, and hands slots round when
// there are more databases than slots. It looks at shared catalogs only: whether
// a database has the extension is found out by starting its worker, which leaves
// at once if there is none.
#include <algorithm>
#include <map>
#include <set>

#include "pg/process.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "worker/mains.hpp"

namespace capeai::worker {
namespace {

constexpr Duration kLook = std::chrono::seconds(5);         // for dead workers and freed slots
constexpr Duration kLookAll = std::chrono::minutes(1);      // for databases that nobody announced
constexpr Duration kProbeLimit = std::chrono::seconds(10);  // a start that takes longer has failed
// While databases wait for a slot, each worker has this long, or less where they
// are so many that the last would have its turn only after kAllServed.
constexpr Duration kQuantum = std::chrono::seconds(30);
constexpr Duration kIdleQuantum = std::chrono::seconds(5);  // of one that has nothing in flight
constexpr Duration kShortestQuantum = std::chrono::seconds(1);
constexpr Duration kAllServed = std::chrono::seconds(40);
// Between looks whether a database without the extension has got it after all:
// nobody announces what COMMIT PREPARED commits.
constexpr Duration kProbeAgain = std::chrono::seconds(10);
constexpr Duration kFirstBackoff = std::chrono::seconds(1);
constexpr Duration kMaxBackoff = std::chrono::minutes(1);

// What the launcher knows of one database.
struct Database {
  enum class State { kUnknown, kServed, kWithout };
  State state = State::kUnknown;
  MonoTime not_before{};  // of the next start
  Duration backoff{0};
  bool announced = false;   // since the last start: what that finds may be old
  MonoTime probed{};        // last start
  MonoTime served_until{};  // when it last gave up its slot
};

class Launcher {
 public:
  void Run() {
    shared_->launcher_proc.store(pg::ThisProc());
    shared_->launcher_pid.store(pg::ThisPid());
    pg::EventWait wait(-1);
    pg::ReportIdle("capeai: watching databases");
    while (true) {
      const MonoTime now = MonoNow();
      if (now >= next_look_all_ || shared_->look_again.exchange(0)) LookForDatabases(now);
      WatchSlots(now);
      ProbeAgain(now);
      StartWorkers(now);
      wait.Wait(HowLong());
      pg::ServiceInterrupts();
    }
  }

 private:
  Duration HowLong() const {
    // While a start is under way its end sets the latch; this is only the limit.
    if (starting_ >= 0) return std::chrono::milliseconds(100);
    return std::any_of(known_.begin(), known_.end(), [](const auto& k) { return Wants(k.second); })
               ? Duration(std::chrono::milliseconds(500))
               : kLook;
  }

  static bool Wants(const Database& d) { return d.state == Database::State::kUnknown; }

  void LookForDatabases(MonoTime now) {
    std::set<pg::Oid> announced;
    for (auto& entry : shared_->announced)
      if (const pg::Oid oid = entry.exchange(0)) announced.insert(oid);
    const bool lost = shared_->announcement_lost.exchange(0) != 0;
    next_look_all_ = now + kLookAll;
    std::map<pg::Oid, Database> next;
    for (const auto& info : pg::ListDatabases()) {
      Database database;
      if (const auto found = known_.find(info.oid); found != known_.end()) database = found->second;
      const bool again = lost || announced.count(info.oid) > 0;
      if (again && SlotOf(info.oid) < 0) database.state = Database::State::kUnknown;
      if (again) database.not_before = now, database.backoff = Duration(0), database.announced = true;
      next.emplace(info.oid, database);
    }
    known_ = std::move(next);
  }

  int SlotOf(pg::Oid database) const { return pg::SlotOfDatabase(database); }

  bool Held(pg::Oid database) const {
    for (auto& hold : shared_->holds) {
      if (hold.database.load() != database) continue;
      if (pg::ProcessAlive(hold.pid.load())) return true;
      hold.database.store(0);  // its backend died without a word
    }
    return false;
  }

  // The database of those without the extension that was not looked at for longest. One
  // at a time, and seldom if a worker has to leave for it.
  void ProbeAgain(MonoTime now) {
    if (starting_ >= 0 || now < last_probe_ + (FreeSlot() >= 0 ? kProbeAgain : kLookAll)) return;
    last_probe_ = now;
    Database* oldest = nullptr;
    for (auto& [oid, database] : known_)
      if (database.state == Database::State::kWithout && (!oldest || database.probed < oldest->probed))
        oldest = &database;
    if (oldest) oldest->state = Database::State::kUnknown;
  }

  Duration Quantum(const pg::WorkerSlot& slot, int waiting) const {
    const Duration longest = slot.in_flight.load() == 0 ? kIdleQuantum : kQuantum;
    return std::clamp(kAllServed * shared_->max_workers / (waiting + shared_->max_workers), kShortestQuantum,
                      longest);
  }

  // Follows the workers: who came up, who is gone, who is to leave.
  void WatchSlots(MonoTime now) {
    int waiting = 0;
    for (auto& [oid, database] : known_) waiting += Wants(database) && !Held(oid);
    for (int i = 0; i < shared_->max_workers; ++i) {
      pg::WorkerSlot& slot = shared_->workers[i];
      const pg::Oid oid = slot.database.load();
      if (i == starting_) {
        FollowStart(slot, oid, now);
        continue;
      }
      if (oid == 0) continue;
      const int pid = slot.pid.load();
      if (pid == 0 || !pg::ProcessAlive(pid)) {
        // Only a process that was killed leaves its slot behind; after that the
        // server restarts, so this is the rest of a start that failed.
        slot.pid.store(0);
        slot.database.store(0);
        continue;
      }
      // A launcher that was started anew finds the workers of the one before.
      if (const auto found = known_.find(oid); found != known_.end())
        found->second.state = Database::State::kServed;
      if (Held(oid)) pg::Terminate(pid);
      const bool quantum_over =
          WallNow().time_since_epoch().count() - slot.started_at.load() > Quantum(slot, waiting).count();
      if (waiting > 0 && quantum_over && FreeSlot() < 0) {
        slot.yield.store(1);
        pg::SetLatchOf(slot.proc.load());
      }
    }
    // A served database whose slot is free again has lost its worker: start it anew.
    for (auto& [oid, database] : known_) {
      if (database.state != Database::State::kServed || SlotOf(oid) >= 0) continue;
      database.state = Database::State::kUnknown;
      database.served_until = now;
    }
    shared_->databases_waiting.store(waiting);
    shared_->databases_known.store(std::count_if(known_.begin(), known_.end(), [](const auto& k) {
      return k.second.state == Database::State::kServed;
    }));
  }

  void FollowStart(pg::WorkerSlot& slot, pg::Oid oid, MonoTime now) {
    const auto found = known_.find(starting_database_);
    if (oid == starting_database_ && slot.pid.load() != 0) {
      if (found != known_.end()) {
        found->second.state = Database::State::kServed;
        found->second.backoff = Duration(0);
      }
      starting_ = -1;
    } else if (oid == 0) {
      if (found != known_.end()) Left(slot, found->second, now);
      starting_ = -1;
    } else if (now > start_limit_) {
      slot.database.store(0);
      if (found != known_.end()) PutOff(found->second, now);
      starting_ = -1;
    }
  }

  // The start has ended already.
  void Left(const pg::WorkerSlot& slot, Database& database, MonoTime now) {
    switch (static_cast<pg::StartFinding>(slot.finding.load())) {
      case pg::StartFinding::kNothing:  // no connection was free, say
        PutOff(database, now);
        break;
      case pg::StartFinding::kNoExtension:
        if (!database.announced) database.state = Database::State::kWithout;
        break;
      case pg::StartFinding::kServes:  // and was sent away before we looked
        database.state = Database::State::kServed;
    }
  }

  int FreeSlot() const {
    for (int i = 0; i < shared_->max_workers; ++i)
      if (shared_->workers[i].database.load() == 0) return i;
    return -1;
  }

  void PutOff(Database& database, MonoTime now) {
    database.backoff = std::min(std::max(database.backoff * 2, kFirstBackoff), kMaxBackoff);
    database.not_before = now + database.backoff;
  }

  // Starts at most one; the next when this one is up or has left.
  void StartWorkers(MonoTime now) {
    if (starting_ >= 0) return;
    const int index = FreeSlot();
    if (index < 0) return;
    Database* best = nullptr;
    pg::Oid oid = 0;
    for (auto& [candidate, database] : known_) {
      if (!Wants(database) || database.not_before > now || Held(candidate)) continue;
      if (best && best->served_until <= database.served_until) continue;
      best = &database;
      oid = candidate;
    }
    if (!best) return;
    best->announced = false;
    best->probed = now;
    shared_->workers[index].pid.store(0);
    shared_->workers[index].finding.store(static_cast<int>(pg::StartFinding::kNothing));
    shared_->workers[index].database.store(oid);
    const auto result = pg::StartProcess("capeai worker", "capeai_worker_main", oid, index);
    if (result == pg::StartResult::kStarted) {
      starting_ = index;
      starting_database_ = oid;
      start_limit_ = now + kProbeLimit;
      return;
    }
    shared_->workers[index].database.store(0);
    PutOff(*best, now);
    if (shared_->launch_failures.fetch_add(1) % 100 == 0)
      pg::Log("no background worker slot is free for a capeai worker; raise max_worker_processes");
  }

  pg::Shared* shared_ = pg::SharedMemory();
  std::map<pg::Oid, Database> known_;
  MonoTime next_look_all_{};
  MonoTime last_probe_ = MonoNow();
  int starting_ = -1;  // slot of the start under way
  pg::Oid starting_database_ = 0;
  MonoTime start_limit_{};
};

void ForgetLauncher(void*) { pg::SharedMemory()->launcher_pid.store(0); }

}  // namespace

void LauncherMain() {
  pg::AtProcessEnd(ForgetLauncher, nullptr);
  pg::InitProcess(0);
  Launcher().Run();
}

}  // namespace capeai::worker
