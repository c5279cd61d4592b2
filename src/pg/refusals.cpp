#include "pg/postgres.hpp"

extern "C" {
#include "miscadmin.h"
}

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "pg/refusals.hpp"

namespace capeai::pg {
namespace {

enum State : int { kFree, kWriting, kReady };

bool IsForTheTrail(const char* sqlstate) {
  return strcmp(sqlstate, sqlstate::kInsufficientPrivilege) == 0 ||
         strcmp(sqlstate, sqlstate::kConfigurationLimit) == 0;
}

// A place whose writer died in the middle is free again.
bool Take(RefusalPlace& place) {
  int free = kFree;
  if (place.state.compare_exchange_strong(free, kWriting)) return true;
  return free == kWriting && !ProcessAlive(place.pid.load()) &&
         place.state.compare_exchange_strong(free, kWriting);
}

}  // namespace

void NoteRefusal(Oid function, const char* sqlstate) noexcept {
  Shared* shared = SharedMemory();
  if (!shared || !IsForTheTrail(sqlstate)) return;
  for (RefusalPlace& place : shared->refusals) {
    if (!Take(place)) continue;
    place.pid.store(MyProcPid);
    place.database = MyDatabaseId;
    place.role = GetUserId();
    place.function = function;
    place.at = WallNow().time_since_epoch().count();
    memcpy(place.sqlstate, sqlstate, sizeof place.sqlstate);
    place.state.store(kReady);
    return;
  }
  shared->refusals_lost.fetch_add(1);
}

std::vector<Refusal> TakeRefusals() {
  std::vector<Refusal> out;
  for (RefusalPlace& place : SharedMemory()->refusals) {
    if (place.state.load() != kReady || place.database != MyDatabaseId) continue;
    Refusal& refusal = out.emplace_back();
    refusal.role = place.role;
    refusal.function = place.function;
    refusal.sqlstate.assign(place.sqlstate, strnlen(place.sqlstate, sizeof place.sqlstate));
    refusal.at = WallTime(Duration(place.at));
    place.state.store(kFree);
  }
  return out;
}

uint64_t TakeLostRefusals() { return SharedMemory()->refusals_lost.exchange(0); }

}  // namespace capeai::pg
