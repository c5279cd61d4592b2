// The triggers on capeai's own tables.
#include "pg/trigger.hpp"
#include "policy/task_state.hpp"
#include "store/content.hpp"

using namespace capeai;

// BEFORE UPDATE OF status ON capeai.tasks: refuses every move that a task cannot make; of one that ends,
// what capeai.audit_content says goes.
CAPEAI_ROW_FUNCTION(capeai_check_task_move) {
  const pg::ColumnChange status = pg::UpdatedColumn(fcinfo, "status");
  const auto from = ParseTaskState(status.before);
  const auto to = ParseTaskState(status.after);
  if (!from || !to || !TaskMoveAllowed(*from, *to))
    pg::Raise(sqlstate::kNotInPrerequisiteState,
              "a task cannot go from \"" + std::string(status.before) + "\" to \"" +
                  std::string(status.after) + "\"",
              from && IsTerminal(*from)
                  ? "A task that has ended stays as it is; capeai_retry_task() makes a new one."
                  : "");
  if (!IsTerminal(*to) || !store::ForgetsContent()) return pg::KeepUpdatedRow(fcinfo);
  store::ForgetContent(pg::UpdatedId(fcinfo, "id"));
  return pg::KeepUpdatedRowWithout(fcinfo, "input_data");
}

// BEFORE UPDATE ON capeai.agent_versions, when the content of what was published would change.
CAPEAI_FUNCTION(capeai_keep_published) {
  const pg::ColumnChange version = pg::UpdatedColumn(fcinfo, "version");
  pg::Raise(sqlstate::kNotInPrerequisiteState,
            "version " + std::string(version.before) + " was published and cannot be changed",
            "Add the new content as a higher version with capeai_create_agent().");
}
