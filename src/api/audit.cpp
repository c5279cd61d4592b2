// The audit trail from the side of SQL: the trigger that guards it, and
// capeai_audit_verify.
#include <algorithm>
#include <cstring>

#include "api/resolve.hpp"
#include "pg/args.hpp"
#include "pg/digest.hpp"
#include "pg/key_file.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/transaction.hpp"
#include "pg/trigger.hpp"
#include "policy/audit_chain.hpp"
#include "store/seals.hpp"

namespace capeai::api {
namespace {

constexpr int kSealsAtOnce = 50;
// The worker seals within a second, or as soon as it has time.
constexpr Duration kLongUnsealed = std::chrono::hours(1);

// The key of capeai.audit_key_file as it is now. One that cannot be read is an error:
// without it nothing could be said of the chain.
std::string Key() {
  const std::string path = pg::settings::AuditKeyFile();
  if (path.empty()) return "";
  auto key = pg::ReadKeyFile("capeai.audit_key_file", path);
  if (!key) pg::Raise(key.take_error());
  return std::move(*key);
}

// Where the worker says that the chain ends.
struct KnownEnd {
  int64_t seq = 0;  // 0: it does not say
  std::string hash;
};

KnownEnd WorkersEnd() {
  const int index = pg::SlotOfDatabase(pg::ThisDatabase());
  if (index < 0) return {};
  const pg::WorkerSlot& slot = pg::SharedMemory()->workers[index];
  KnownEnd end;
  end.seq = slot.sealed_seq.load();
  char hash[sizeof slot.sealed_hash];
  std::memcpy(hash, slot.sealed_hash, sizeof hash);
  hash[sizeof hash - 1] = '\0';
  end.hash = hash;
  if (slot.sealed_seq.load() != end.seq) return {};
  return end;
}

std::vector<policy::ChainProblem> Verify() {
  const std::string key = Key();
  const std::string key_id = pg::AuditKeyId(key);
  const auto hash = [&](const policy::Seal& seal) {
    if (seal.key_id.empty()) return pg::Sha256(policy::SealText(seal));
    return seal.key_id == key_id ? pg::Sha256(policy::SealText(seal), key) : std::string();
  };
  const auto lookup = [](const policy::IdRange& range, const std::vector<int64_t>& ids) {
    return policy::ParseLeaves(store::LeavesOf(range, ids));
  };
  policy::ChainCheck check(hash, lookup, !key.empty());
  const KnownEnd known = WorkersEnd();
  // Whatever the transaction's isolation: what the worker has said is to be seen.
  const pg::LatestSnapshot now;
  const auto last = store::FindLastSeal();
  while (true) {
    const auto seals = store::LoadSeals(check.last_seq(), kSealsAtOnce);
    for (const policy::Seal& seal : seals) {
      check.Add(seal);
      pg::CheckInterrupts();
    }
    if (seals.size() < kSealsAtOnce) break;
  }
  auto problems = check.Finish(last ? last->open : std::vector<policy::IdRange>{});
  if (known.seq > check.last_seq() ||
      (known.seq > 0 && known.seq == check.last_seq() && known.hash != pg::Hex(check.last_hash())))
    problems.push_back(
        {known.seq, 0, "the end of the chain was cut off or replaced: the worker has written this link"});
  const auto oldest = store::OldestAfter(check.last_event());
  if (oldest && WallNow() - *oldest > kLongUnsealed)
    problems.push_back(
        {0, check.last_event(), "events after this one wait for a seal for more than an hour"});
  return problems;
}

}  // namespace
}  // namespace capeai::api

using namespace capeai;

// BEFORE UPDATE OR DELETE OR TRUNCATE ON capeai.audit_events, capeai.audit_seals.
CAPEAI_FUNCTION(capeai_guard_audit) {
  pg::RequireTrigger(fcinfo);
  if (!store::RetentionRuns())
    pg::Raise(sqlstate::kInsufficientPrivilege,
              std::string("the audit trail is append-only: ") + pg::TriggerEvent(fcinfo) + " is refused",
              "Set capeai.audit_retention to have old events deleted.");
  return 0;
}

CAPEAI_FUNCTION(capeai_audit_verify) {
  const pg::AsExtensionOwner as_owner;
  const std::vector<policy::ChainProblem> problems = api::Verify();
  const auto number = [](int64_t n) { return n > 0 ? pg::CellText(std::to_string(n)) : std::nullopt; };
  pg::RowSet rows(fcinfo);
  for (const policy::ChainProblem& p : problems) rows.Add({number(p.seal), number(p.event), p.problem});
  return 0;
}
