#include "pg/trigger.hpp"

extern "C" {
#include "commands/trigger.h"
#include "executor/spi.h"
#include "tcop/pquery.h"
#include "utils/rel.h"
#include "utils/uuid.h"
}

namespace capeai::pg {
namespace {

TriggerData* DataOf(FunctionCallInfo fcinfo) { return reinterpret_cast<TriggerData*>(fcinfo->context); }

// The text must be stored inline and uncompressed, as short ones always are
// once they come from an executor's slot.
std::string_view ColumnUnsafe(HeapTuple row, TupleDesc desc, int number) {
  bool null;
  const Datum value = SPI_getbinval(row, desc, number, &null);
  if (null) return {};
  const text* t = DatumGetTextPP(value);
  return {VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};
}

}  // namespace

void RequireTrigger(FunctionCallInfo fcinfo) {
  if (!CALLED_AS_TRIGGER(fcinfo)) Raise("39P01", "function can be called only as a trigger");
}

ColumnChange UpdatedColumn(FunctionCallInfo fcinfo, const char* column) {
  RequireTrigger(fcinfo);
  TriggerData* data = DataOf(fcinfo);
  if (!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_BY_UPDATE(data->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(data->tg_event))
    Raise("39P01", "trigger must fire before each row's update");
  ColumnChange change;
  Guarded([&] {
    const TupleDesc desc = RelationGetDescr(data->tg_relation);
    const int number = SPI_fnumber(desc, column);
    if (number <= 0) elog(ERROR, "capeai: the trigger's table has no column %s", column);
    change.before = ColumnUnsafe(data->tg_trigtuple, desc, number);
    change.after = ColumnUnsafe(data->tg_newtuple, desc, number);
  });
  return change;
}

Datum KeepUpdatedRow(FunctionCallInfo fcinfo) { return PointerGetDatum(DataOf(fcinfo)->tg_newtuple); }

Datum KeepUpdatedRowWithout(FunctionCallInfo fcinfo, const char* column) {
  TriggerData* data = DataOf(fcinfo);
  return Guarded([&] {
    const TupleDesc desc = RelationGetDescr(data->tg_relation);
    int number = SPI_fnumber(desc, column);
    if (number <= 0) elog(ERROR, "capeai: the trigger's table has no column %s", column);
    Datum value = 0;
    bool null = true;
    return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_newtuple, desc, 1, &number, &value, &null));
  });
}

Uuid UpdatedId(FunctionCallInfo fcinfo, const char* column) {
  TriggerData* data = DataOf(fcinfo);
  Uuid id;
  Guarded([&] {
    const TupleDesc desc = RelationGetDescr(data->tg_relation);
    const int number = SPI_fnumber(desc, column);
    bool null = true;
    const Datum value = number > 0 ? SPI_getbinval(data->tg_newtuple, desc, number, &null) : 0;
    if (null) elog(ERROR, "capeai: the trigger's table has no %s", column);
    memcpy(id.bytes.data(), DatumGetUUIDP(value)->data, UUID_LEN);
  });
  return id;
}

const char* TriggerEvent(FunctionCallInfo fcinfo) {
  const auto event = DataOf(fcinfo)->tg_event;
  if (TRIGGER_FIRED_BY_UPDATE(event)) return "UPDATE";
  if (TRIGGER_FIRED_BY_DELETE(event)) return "DELETE";
  if (TRIGGER_FIRED_BY_TRUNCATE(event)) return "TRUNCATE";
  return "INSERT";
}

bool FiredByCopy() { return ActivePortal && ActivePortal->commandTag == CMDTAG_COPY; }

}  // namespace capeai::pg
