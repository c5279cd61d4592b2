#include "pg/bystander.hpp"

#include <utility>

namespace capeai::pg {
namespace {

Bystander* bystander = nullptr;
int depth = 0;

}  // namespace

void SetBystander(Bystander* one) { bystander = one; }

PostgresAtWork::PostgresAtWork() {
  if (depth++ == 0 && bystander) bystander->PostgresBegins();
}

PostgresAtWork::~PostgresAtWork() {
  if (--depth == 0 && bystander) bystander->PostgresHasDone();
}

PostgresCallsBack::PostgresCallsBack() : depth_(std::exchange(depth, 0)) {
  if (depth_ > 0 && bystander) bystander->PostgresHasDone();
}

PostgresCallsBack::~PostgresCallsBack() {
  depth = depth_;
  if (depth_ > 0 && bystander) bystander->PostgresBegins();
}

}  // namespace capeai::pg
