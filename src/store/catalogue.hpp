// The catalogue of agents, and what people thought of their answers. All
// statements run as the extension's owner, in the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

// A row of capeai_agents(): its columns in their order, as text.
using CatalogueRow = std::vector<std::optional<std::string>>;
// The published versions that `role` may call, or `all` there are, and the drafts of `role`; only those that
// have every word of `search` in slug, name, description or capabilities.
std::vector<CatalogueRow> Catalogue(pg::Oid role, bool all, const std::string& search);

struct Feedback {
  Uuid task_id;
  int32_t rating = 0;  // 1..5
  std::optional<std::string> comment;
  std::optional<std::string> corrected;
};
// Writes or replaces what the task's owner thinks of it.
void SaveFeedback(const Feedback& feedback);

}  // namespace capeai::store
