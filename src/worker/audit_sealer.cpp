#include "worker/audit_sealer.hpp"

#include <algorithm>

#include "pg/digest.hpp"
#include "pg/guard.hpp"
#include "pg/key_file.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "store/seals.hpp"

namespace capeai::worker {
namespace {

using policy::IdRange;

// Events of one link. While tasks run the trail is sealed in small pieces and may
// fall behind; it catches up when there is time.
constexpr int kManyEvents = 5000;
constexpr int kFewEvents = 1000;
constexpr Duration kPause = std::chrono::milliseconds(500);
constexpr Duration kLockPause = std::chrono::seconds(1);
constexpr Duration kLogInterval = std::chrono::hours(1);
// Links that retention takes at a time.
constexpr int kPruneBatch = 20;
// More holes than this are not waited for: the oldest are forgotten.
constexpr size_t kMaxOpen = 1000;

// Leaves out those ids of `ranges` that have come.
std::vector<IdRange> Without(const std::vector<IdRange>& ranges, const std::vector<policy::Leaf>& come) {
  std::vector<IdRange> out;
  for (IdRange range : ranges) {
    auto leaf = std::lower_bound(come.begin(), come.end(), range.first,
                                 [](const policy::Leaf& l, int64_t id) { return l.id < id; });
    for (; leaf != come.end() && leaf->id <= range.last; ++leaf) {
      if (leaf->id > range.first) out.push_back({range.first, leaf->id - 1});
      range.first = leaf->id + 1;
    }
    if (range.first <= range.last) out.push_back(range);
  }
  return out;
}

}  // namespace

void AuditSealer::ReadKey() {
  key_.clear();
  key_problem_.clear();
  slot_.seal_refused.store(0);
  const std::string path = pg::settings::AuditKeyFile();
  if (path.empty()) return;
  auto key = pg::ReadKeyFile("capeai.audit_key_file", path);
  if (!key) {
    // Without its key the trail is not sealed: a link without would be no proof.
    key_problem_ = key.error().message;
    slot_.seal_refused.store(1);
    pg::Log("the audit trail cannot be sealed: " + key_problem_);
    return;
  }
  key_ = std::move(*key);
}

void AuditSealer::Expect(MonoTime now) {
  if (!due_) due_ = now + kPause;
}

void AuditSealer::Seal(MonoTime now, bool busy) {
  due_.reset();
  if (!key_problem_.empty()) return;
  try {
    SealInTransaction(now, busy);
  } catch (const pg::PgError& e) {
    known_ = false;
    due_ = MonoNow() + kLockPause;
    if (e.error().sqlstate != "55P03") pg::LogError("sealing the audit trail", e.error());
  }
}

void AuditSealer::SealInTransaction(MonoTime now, bool busy) {
  const bool log = now >= next_log_;
  more_ = false;
  pg::Transaction transaction("capeai: sealing the audit trail");
  {
    const pg::AsExtensionOwner as_owner;
    if (!pg::LockTableNoWait("capeai", "audit_seals")) {
      due_ = now + kLockPause;
      return;
    }
    FindEnd();
    policy::Seal link;
    link.seq = seq_ + 1;
    link.event_id = event_id_;
    link.prev = seq_ > 0 ? hash_ : policy::NoHash();
    link.key_id = pg::AuditKeyId(key_);
    link.created_at = WallNow();
    const bool pruned = Prune(link);
    TakeNew(link, busy ? kFewEvents : kManyEvents);
    if (pruned || !link.events.empty()) {
      link.hash = pg::Sha256(policy::SealText(link), key_);
      std::vector<IdRange> open = open_;
      open.insert(open.end(), open_next_.begin(), open_next_.end());
      store::InsertSeal(link, open);
      seq_ = link.seq;
      event_id_ = link.event_id;
      hash_ = link.hash;
    }
  }
  // What the log has said must be there after a crash.
  if (!log) transaction.NeedNotLast();
  transaction.Commit();
  Publish(now);
  if (more_)
    due_ = MonoNow() + (busy ? kPause : Duration(0));
  else if (!open_.empty() || !open_next_.empty())
    due_ = MonoNow() + kPause * 10;
}

// What was found before a transaction that failed may not be there.
void AuditSealer::FindEnd() {
  const auto last = store::FindLastSeal();
  const bool there = last && last->seal.seq == seq_ && last->seal.hash == hash_;
  if (known_ && seq_ > 0 && !there) {
    pg::Log("the end of the audit trail's chain of seals was changed or deleted: seal " +
            std::to_string(seq_) + " is not as it was written");
    if (last) seq_ = std::max(seq_, last->seal.seq);
    return;
  }
  if (known_) return;
  known_ = true;
  seq_ = last ? last->seal.seq : 0;
  event_id_ = last ? last->seal.event_id : 0;
  hash_ = last ? last->seal.hash : "";
  open_ = last ? last->open : std::vector<IdRange>{};
  open_next_.clear();
  writers_.reset();
}

bool AuditSealer::Prune(policy::Seal& link) {
  const Duration keep = pg::settings::AuditRetention();
  if (keep.count() <= 0 || !pg::LockTableNoWait("capeai", "audit_events")) return false;
  const WallTime limit = link.created_at - keep;
  std::vector<int64_t> ids;
  for (int i = 0; i < kPruneBatch; ++i) {
    const auto next = store::LoadSeals(link.pruned_seq, 1);
    if (next.empty() || next.front().seq >= seq_) break;
    const policy::Seal& seal = next.front();
    std::vector<int64_t> events;
    for (const policy::Leaf& leaf : policy::ParseLeaves(seal.events)) events.push_back(leaf.id);
    if (store::NewestOf(events).value_or(seal.created_at) >= limit) break;
    ids.insert(ids.end(), events.begin(), events.end());
    link.pruned_seq = seal.seq;
    link.pruned_hash = seal.hash;
  }
  if (link.pruned_seq == 0) return false;
  store::DeleteSealed(link.pruned_seq, ids);
  more_ = true;
  return true;
}

void AuditSealer::TakeNew(policy::Seal& link, int most) {
  // Asked before the look at the events: whoever is not there any more has either
  // left its events for this look, or leaves none.
  const std::vector<uint64_t> now = pg::WritersOf("capeai", "audit_events");
  if (open_.empty()) {
    open_ = std::exchange(open_next_, {});
    writers_.reset();
  }
  if (!open_.empty()) {
    if (!writers_) writers_ = now;
    std::erase_if(*writers_, [&](uint64_t id) { return std::find(now.begin(), now.end(), id) == now.end(); });
  }
  std::vector<IdRange> holes = open_;
  holes.insert(holes.end(), open_next_.begin(), open_next_.end());
  link.events = store::LeavesFrom(event_id_ + 1, most, holes);
  const std::vector<policy::Leaf> leaves = policy::ParseLeaves(link.events);
  const auto fresh = std::count_if(leaves.begin(), leaves.end(),
                                   [&](const policy::Leaf& leaf) { return leaf.id > event_id_; });
  more_ = more_ || fresh >= most;
  open_ = !open_.empty() && writers_->empty() ? std::vector<IdRange>{} : Without(open_, leaves);
  open_next_ = Without(open_next_, leaves);
  const auto missing = policy::MissingAfter(event_id_, leaves);
  open_next_.insert(open_next_.end(), missing.begin(), missing.end());
  if (open_next_.size() > kMaxOpen)
    open_next_.erase(open_next_.begin(), open_next_.end() - static_cast<std::ptrdiff_t>(kMaxOpen));
  if (!leaves.empty()) link.event_id = std::max(link.event_id, leaves.back().id);
}

void AuditSealer::Publish(MonoTime now) {
  const std::string head = pg::Hex(hash_);
  slot_.sealed_seq.store(0);  // while the rest changes
  slot_.sealed_event.store(event_id_);
  std::copy_n(head.begin(), std::min(head.size(), sizeof slot_.sealed_hash - 1), slot_.sealed_hash);
  slot_.sealed_seq.store(seq_);
  if (seq_ == 0 || now < next_log_) return;
  next_log_ = now + kLogInterval;
  pg::Log("audit trail: seal " + std::to_string(seq_) + " covers events up to " + std::to_string(event_id_) +
          ", its hash is " + head);
}

}  // namespace capeai::worker
