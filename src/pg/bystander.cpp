#include "pg/bystander.hpp"

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

}  // namespace capeai::pg
