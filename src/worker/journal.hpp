// What the worker wants written: gathered from many tasks, written together in
// one transaction a tick. It decides nothing; it makes sure that what was
// gathered is written once, or is known not to be ours any more.
#pragma once

#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"
#include "store/work.hpp"

namespace capeai::worker {

class Journal {
 public:
  // How one end came out.
  enum class Fate { kWritten, kStale };

  void AddAsk(store::NewAsk ask) { asks_.push_back(std::move(ask)); }
  void AddEnd(store::AttemptEnd end);

  bool has_asks() const { return !asks_.empty(); }
  bool empty() const { return asks_.empty() && ends_.empty(); }
  // Gathered and not being written, and when the first of them came.
  size_t ends() const { return ends_.size(); }
  MonoTime since() const { return since_; }
  // How this task's attempt ended is known, and not written.
  bool Gathers(const Uuid& task) const;
  // Of the open transaction: it writes how attempts ended.
  bool writes_ends() const { return !written_.empty(); }

  // Writes everything gathered, inside the open transaction. What it wrote
  // counts only once that transaction has committed: call Settle() then, or
  // Undo() when it has not. Meanwhile more ends may be added.
  void Write(const Uuid& installation, const Uuid& worker);

  struct Settled {
    std::vector<Uuid> asks;                       // first rows that are stored now
    std::vector<std::pair<Uuid, Error>> refused;  // first rows that cannot be stored
    std::vector<std::pair<Uuid, Fate>> ends;      // in no particular order
  };
  Settled Settle();
  // The transaction failed: everything is gathered again. From now on each row is
  // written in a subtransaction of its own until one Write() has succeeded, so
  // that one row that cannot be stored does not keep back the others.
  void Undo();
  bool isolates() const { return isolate_; }

 private:
  void WriteAsks(const Uuid& installation, const Uuid& worker);
  void WriteEnds(const Uuid& worker);
  void WriteOneByOne(const Uuid& worker);
  void Sort(const Uuid& worker, std::vector<Uuid> written);
  void TakeBack();

  std::vector<store::NewAsk> asks_;
  std::vector<store::AttemptEnd> ends_;
  MonoTime since_{};
  std::vector<store::AttemptEnd> written_;  // by the open transaction
  bool isolate_ = false;
  Settled settled_;  // by the open transaction
  size_t asks_written_ = 0;
};

}  // namespace capeai::worker
