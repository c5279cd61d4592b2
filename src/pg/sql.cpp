#include "pg/postgres.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "jit/jit.h"
#include "mb/pg_wchar.h"
#include "optimizer/cost.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include "pg/bystander.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/jsonb.hpp"
#include "pg/sql.hpp"
#include "pg/sql_params.hpp"

namespace capeai::pg {

Uuid Rows::Id(size_t row, size_t col) const {
  Uuid id;
  const std::string_view raw = Text(row, col);
  if (raw.size() == id.bytes.size()) memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

// Runs one statement between SPI_connect and SPI_finish.
class Executor {
 public:
  explicit Executor(const Statement& statement, bool keeps_plan = true)
      : sql_(statement.sql),
        types_(statement.types.begin()),
        n_types_(statement.types.size()),
        read_only_(statement.read_only),
        of_queue_(statement.of_queue),
        documents_(statement.documents),
        kept_plan_(keeps_plan ? &statement.plan : nullptr) {}

  Rows Run(const Param* params, size_t n_params, long max_rows) {
    Rows rows;
    if (DatabaseIsUtf8() || n_params != n_types_) {
      const PostgresAtWork at_work;
      Guarded([&] { RunUnsafe(params, n_params, max_rows, rows); });
    } else {
      const EncodedParams encoded(types_, params, n_params);
      const PostgresAtWork at_work;
      Guarded([&] { RunUnsafe(encoded.data(), n_params, max_rows, rows); });
    }
    return rows;
  }

 private:
  void RunUnsafe(const Param* params, size_t n_params, long max_rows, Rows& rows) {
    const bool pushed = !ActiveSnapshotSet();
    if (pushed) PushActiveSnapshot(GetTransactionSnapshot());
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "capeai: SPI_connect failed");
    const Converted in = ConvertUnsafe(types_, n_types_, params, n_params);
    SPIPlanPtr plan = kept_plan_ ? static_cast<SPIPlanPtr>(*kept_plan_) : nullptr;
    if (!plan) {
      // One plan for all parameters: they are keys and arrays of rows, and planning anew takes longer than
      // most of these statements.
      plan = SPI_prepare_cursor(sql_, in.count, in.oids, CURSOR_OPT_GENERIC_PLAN);
      if (!plan) elog(ERROR, "capeai: SPI_prepare: %s", SPI_result_code_string(SPI_result));
      if (kept_plan_) {
        if (SPI_keepplan(plan) != 0) elog(ERROR, "capeai: SPI_keepplan failed");
        *kept_plan_ = plan;
      }
    }
    if (kept_plan_) PlanUnsafe(plan, of_queue_);
    const int code = SPI_execute_plan(plan, in.values, in.nulls, read_only_, max_rows);
    if (code < 0) elog(ERROR, "capeai: SPI_execute_plan: %s", SPI_result_code_string(code));
    rows.processed_ = SPI_processed;
    if (SPI_tuptable) CopyUnsafe(*SPI_tuptable, documents_, rows);
    SPI_finish();
    if (pushed) PopActiveSnapshot();
  }

  // Makes the plan, unless it is valid already, as for tables that have grown: one made while a table was
  // empty lasts until the table is analyzed, and would read the whole of it each time. No compilation either:
  // where a whole table must be read after all, it is a small one that only counts as expensive. Of a queue
  // no bitmap: plain index scans mark the entries of rows that have gone, and the next scan passes them by.
  static void PlanUnsafe(SPIPlanPtr plan, bool of_queue) {
    const bool seqscan = enable_seqscan;
    const bool bitmapscan = enable_bitmapscan;
    const bool jit = jit_enabled;
    enable_seqscan = jit_enabled = false;
    if (of_queue) enable_bitmapscan = false;
    PG_TRY();
    {
      if (CachedPlan* made = SPI_plan_get_cached_plan(plan)) ReleaseCachedPlan(made, CurrentResourceOwner);
    }
    PG_FINALLY();
    {
      enable_seqscan = seqscan;
      enable_bitmapscan = bitmapscan;
      jit_enabled = jit;
    }
    PG_END_TRY();
  }

  // Owns nothing itself: `rows` belongs to a frame that no longjmp crosses.
  static void CopyUnsafe(const SPITupleTable& table, bool documents, Rows& rows) {
    const TupleDesc desc = table.tupdesc;
    rows.columns_ = static_cast<size_t>(desc->natts);
    rows.rows_ = table.numvals;
    rows.cells_.resize(rows.rows_ * rows.columns_);
    auto* output = static_cast<FmgrInfo*>(palloc0(sizeof(FmgrInfo) * rows.columns_));
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * rows.columns_));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * rows.columns_));
    for (size_t r = 0; r < rows.rows_; ++r) {
      heap_deform_tuple(table.vals[r], desc, values, nulls);
      for (size_t c = 0; c < rows.columns_; ++c) {
        if (nulls[c]) continue;
        const ::Oid type = TupleDescAttr(desc, c)->atttypid;
        Rows::Cell& cell = rows.cells_[r * rows.columns_ + c];
        if (documents && type == JSONBOID)
          CopyDocumentUnsafe(values[c], cell, rows.bytes_);
        else
          CopyCellUnsafe(type, values[c], output[c], cell, rows.bytes_);
      }
    }
  }

  static void CopyDocumentUnsafe(Datum value, Rows::Cell& cell, std::string& bytes) {
    cell.null = false;
    cell.offset = bytes.size();
    TokensUnsafe(value, bytes);
    cell.length = bytes.size() - cell.offset;
  }

  static void CopyCellUnsafe(::Oid type, Datum value, FmgrInfo& output, Rows::Cell& cell,
                             std::string& bytes) {
    cell.null = false;
    const auto append_text = [&](const char* data, size_t size) {
      if (DatabaseIsUtf8()) {
        cell.offset = bytes.size();
        cell.length = size;
        bytes.append(data, size);
        return;
      }
      const char* utf8 = pg_server_to_any(pnstrdup(data, size), static_cast<int>(size), PG_UTF8);
      cell.offset = bytes.size();
      cell.length = strlen(utf8);
      bytes.append(utf8, cell.length);
    };
    const auto append = [&](const char* data, size_t size) {
      cell.offset = bytes.size();
      cell.length = size;
      bytes.append(data, size);
    };
    switch (type) {
      case BOOLOID:
        cell.integer = DatumGetBool(value);
        return;
      case INT2OID:
        cell.integer = DatumGetInt16(value);
        return;
      case INT4OID:
        cell.integer = DatumGetInt32(value);
        return;
      case INT8OID:
        cell.integer = DatumGetInt64(value);
        return;
      case OIDOID:
      case REGROLEOID:
      case REGCLASSOID:
      case REGPROCOID:
      case REGPROCEDUREOID:
      case REGCONFIGOID:
        cell.integer = DatumGetObjectId(value);
        return;
      case TIDOID: {
        const auto* tid = reinterpret_cast<const ItemPointerData*>(DatumGetPointer(value));
        cell.integer = int64_t{ItemPointerGetBlockNumber(tid)} << 16 | ItemPointerGetOffsetNumber(tid);
        return;
      }
      case FLOAT4OID:
        cell.real = static_cast<double>(DatumGetFloat4(value));
        return;
      case FLOAT8OID:
        cell.real = DatumGetFloat8(value);
        return;
      case NUMERICOID:
        cell.real = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
        return;
      case TIMESTAMPTZOID:
        cell.integer = DatumGetTimestampTz(value) + kEpochShift;
        return;
      case UUIDOID:
        append(reinterpret_cast<const char*>(DatumGetUUIDP(value)->data), UUID_LEN);
        return;
      case TEXTOID:
      case VARCHAROID: {
        const text* t = DatumGetTextPP(value);
        append_text(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
        return;
      }
      case BYTEAOID: {
        const text* t = DatumGetTextPP(value);
        append(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
        return;
      }
      default: {
        if (output.fn_oid == InvalidOid) {
          ::Oid function;
          bool varlena;
          getTypeOutputInfo(type, &function, &varlena);
          fmgr_info(function, &output);
        }
        const char* text = OutputFunctionCall(&output, value);
        append_text(text, strlen(text));
      }
    }
  }

  const char* sql_;
  const Type* types_;
  size_t n_types_;
  bool read_only_;
  bool of_queue_;
  bool documents_;
  void** kept_plan_;
};

Rows Execute(const Statement& statement, std::initializer_list<Param> params, long max_rows) {
  Executor executor(statement);
  return executor.Run(params.begin(), params.size(), max_rows);
}

Rows ExecuteOnce(const std::string& sql, std::initializer_list<Type> types,
                 std::initializer_list<Param> params, long max_rows, bool read_only) {
  Executor executor(Statement{sql.c_str(), types, read_only}, false);
  return executor.Run(params.begin(), params.size(), max_rows);
}

}  // namespace capeai::pg
