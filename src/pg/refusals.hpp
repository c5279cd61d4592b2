// What capeai's functions have refused, on its way to the audit trail: through
// shared memory, since the transaction that was refused is rolled back. A board of
// places, not a log: when all are taken, further refusals are only counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "pg/shared.hpp"

namespace capeai::pg {

// Notes that `function` refused the current role with `sqlstate`, if that is one for
// the trail: no right to it, or over a limit. Waits for nothing, raises nothing and
// uses no catalog: the transaction may be beyond that.
void NoteRefusal(Oid function, const char* sqlstate) noexcept;

struct Refusal {
  Oid role = 0, function = 0;
  std::string sqlstate;
  WallTime at;
};
// Those of this database, which leave the board. For its worker.
std::vector<Refusal> TakeRefusals();
// How many found no place since the last call, in the whole cluster.
uint64_t TakeLostRefusals();

}  // namespace capeai::pg
