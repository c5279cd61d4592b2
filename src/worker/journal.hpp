// What the worker wants written: gathered from many tasks, written together in
// one transaction a tick. It decides nothing; it makes sure that what was
// gathered is written once, or is known not to be ours any more.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

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
  bool has_ends() const { return !ends_.empty(); }
  bool empty() const { return asks_.empty() && ends_.empty(); }
  size_t ends() const { return ends_.size(); }

  // Writes everything gathered, inside the open transaction. What it wrote
  // counts only once that transaction has committed: call Settle() then, or
  // Undo() when it has not.
  void Write(const Uuid& installation, const Uuid& worker);

  struct Settled {
    std::vector<Uuid> asks;                   // first rows that are stored now
    std::vector<std::pair<Uuid, Fate>> ends;  // in no particular order
  };
  Settled Settle();
  // The transaction failed: everything is gathered again. From now on each end is
  // written in a subtransaction of its own until one Write() has succeeded, so
  // that one row that cannot be stored does not keep back the others.
  void Undo();

  // The end of an attempt that is gathered and not settled, if any.
  const store::AttemptEnd* Find(const Uuid& task) const;

 private:
  void WriteEnds(const Uuid& worker);
  void WriteOneByOne(const Uuid& worker);
  void Sort(const Uuid& worker, std::vector<Uuid> written);

  std::vector<store::NewAsk> asks_;
  std::unordered_map<Uuid, store::AttemptEnd> ends_;
  bool isolate_ = false;
  Settled settled_;  // by the open transaction
  size_t asks_written_ = 0;
};

}  // namespace capeai::worker
