#include "worker/journal.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "openai/json.hpp"
#include "pg/bystander.hpp"
#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "pg/transaction.hpp"

namespace capeai::worker {
namespace {

// The disk is full, a file cannot be read, somebody else was in the way: it has nothing to do with the row.
bool MayPass(const Error& error) {
  return error.sqlstate == "53100" || error.sqlstate.starts_with("58") || error.sqlstate.starts_with("40");
}

}  // namespace

void Journal::AddEnd(store::AttemptEnd end) {
  if (ends_.empty()) since_ = MonoNow();
  ends_.push_back(std::move(end));
}

bool Journal::Gathers(const Uuid& task) const {
  return std::any_of(ends_.begin(), ends_.end(),
                     [&](const store::AttemptEnd& end) { return end.task_id == task; });
}

void Journal::Write(const Uuid& installation, const Uuid& worker) {
  settled_ = {};
  asks_written_ = asks_.size();
  if (!asks_.empty()) WriteAsks(installation, worker);
  written_.swap(ends_);  // both keep their memory
  if (written_.empty()) return;
  if (isolate_)
    WriteOneByOne(worker);
  else
    WriteEnds(worker);
}

void Journal::WriteAsks(const Uuid& installation, const Uuid& worker) {
  if (!isolate_) {
    store::InsertAsks(installation, worker, asks_);
    for (const store::NewAsk& ask : asks_) settled_.asks.push_back(ask.id);
    return;
  }
  for (const store::NewAsk& ask : asks_) {
    try {
      pg::Subtransaction one;
      store::InsertAsks(installation, worker, {ask});
      one.Commit();
      settled_.asks.push_back(ask.id);
    } catch (const pg::PgError& e) {
      if (MayPass(e.error())) throw;
      pg::LogError("an ask cannot be stored", e.error());
      settled_.refused.emplace_back(ask.id, e.error());
    }
  }
}

void Journal::WriteEnds(const Uuid& worker) {
  const pg::PostgresAtWork at_work;
  std::vector<const store::AttemptEnd*> ends;
  ends.reserve(written_.size());
  for (const store::AttemptEnd& end : written_) ends.push_back(&end);
  Sort(worker, store::WriteEnds(worker, ends));
}

void Journal::WriteOneByOne(const Uuid& worker) {
  std::vector<Uuid> written;
  for (store::AttemptEnd& end : written_) {
    try {
      pg::Subtransaction one;
      const bool moved = !store::WriteEnds(worker, {&end}).empty();
      one.Commit();
      if (moved) written.push_back(end.task_id);
    } catch (const pg::PgError& e) {
      if (MayPass(e.error())) throw;
      pg::LogError("a result cannot be stored", e.error());
      // Without what was said: only that it ended, and why nothing is there.
      end.status = "failed";
      end.next_attempt = end.attempt;
      end.output.clear();
      end.usage.clear();
      end.model.clear();
      end.error_code = "result_not_stored";
      end.error_message = "the database could not store the result: " + e.error().sqlstate;
      end.event_type = "failed";
      end.event_data = Json::Object().Set("error_code", Json::String(end.error_code)).Tokens();
      end.runs.clear();
    }
  }
  Sort(worker, std::move(written));
}

void Journal::Sort(const Uuid& worker, std::vector<Uuid> written) {
  for (const Uuid& id : written) settled_.ends.emplace_back(id, Fate::kWritten);
  if (written.size() == written_.size()) return;
  std::sort(written.begin(), written.end());
  std::vector<const store::AttemptEnd*> rest;
  for (const store::AttemptEnd& end : written_)
    if (!std::binary_search(written.begin(), written.end(), end.task_id)) rest.push_back(&end);
  const std::vector<Uuid> ours = store::StillOurs(worker, rest);
  for (const store::AttemptEnd* end : rest)
    if (std::find(ours.begin(), ours.end(), end->task_id) == ours.end())
      settled_.ends.emplace_back(end->task_id, Fate::kStale);
}

Journal::Settled Journal::Settle() {
  asks_.erase(asks_.begin(), asks_.begin() + static_cast<std::ptrdiff_t>(asks_written_));
  asks_written_ = 0;
  isolate_ = false;
  if (settled_.ends.size() < written_.size()) {
    std::unordered_set<Uuid> settled;
    for (const auto& [id, fate] : settled_.ends) settled.insert(id);
    std::erase_if(written_, [&](const store::AttemptEnd& end) { return settled.contains(end.task_id); });
    TakeBack();
  }
  written_.clear();
  return std::exchange(settled_, {});
}

void Journal::Undo() {
  settled_ = {};
  asks_written_ = 0;
  isolate_ = true;
  TakeBack();
}

// What was to be written waits again, before what came later.
void Journal::TakeBack() {
  if (ends_.empty()) since_ = MonoNow();
  std::move(ends_.begin(), ends_.end(), std::back_inserter(written_));
  ends_.swap(written_);
  written_.clear();
}

}  // namespace capeai::worker
