// Triggers in C++: what a CAPEAI_FUNCTION that serves as a trigger needs.
#pragma once

#include <string_view>

#include "base/uuid.hpp"
#include "pg/function.hpp"

namespace capeai::pg {

// Raises 39P01 unless called as a trigger.
void RequireTrigger(FunctionCallInfo fcinfo);

// A text column before and after the update of the row; views into the row.
// NULL gives an empty view. Raises unless fired BEFORE UPDATE FOR EACH ROW.
struct ColumnChange {
  std::string_view before, after;
};
ColumnChange UpdatedColumn(FunctionCallInfo fcinfo, const char* column);

// What a BEFORE ROW trigger returns to let the update go on.
Datum KeepUpdatedRow(FunctionCallInfo fcinfo);

// The same with NULL in one of its columns.
Datum KeepUpdatedRowWithout(FunctionCallInfo fcinfo, const char* column);

// A uuid column of the row that is updated.
Uuid UpdatedId(FunctionCallInfo fcinfo, const char* column);

// UPDATE, DELETE, TRUNCATE or INSERT: what fired the trigger.
const char* TriggerEvent(FunctionCallInfo fcinfo);

// Whether the statement that fired it is a COPY, as rows come back from a dump.
bool FiredByCopy();

}  // namespace capeai::pg
