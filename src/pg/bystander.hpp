// Somebody in this process who can use the time that PostgreSQL takes for a
// statement or a commit: nothing of ours runs then, and the one thread in which
// PostgreSQL runs is busy. (The worker serves its sockets meanwhile.)
#pragma once

namespace capeai::pg {

class Bystander {
 public:
  virtual ~Bystander() = default;
  // PostgreSQL is about to work, and has worked. In turn, also when it raised an
  // error; a process that ends in between hears only of the first.
  virtual void PostgresBegins() noexcept = 0;
  virtual void PostgresHasDone() noexcept = 0;
};

// From now on; nullptr: nobody.
void SetBystander(Bystander* bystander);

// Marks such a stretch for its lifetime.
class PostgresAtWork {
 public:
  PostgresAtWork();
  ~PostgresAtWork();
  PostgresAtWork(const PostgresAtWork&) = delete;
  PostgresAtWork& operator=(const PostgresAtWork&) = delete;
};

// PostgreSQL calls a function of ours, which for its lifetime is not PostgreSQL's
// work: within a statement of the worker's, a trigger of somebody's may do that.
class PostgresCallsBack {
 public:
  PostgresCallsBack();
  ~PostgresCallsBack();
  PostgresCallsBack(const PostgresCallsBack&) = delete;
  PostgresCallsBack& operator=(const PostgresCallsBack&) = delete;

 private:
  int depth_;  // of the stretches that it interrupts
};

}  // namespace capeai::pg
