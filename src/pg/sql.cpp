#include "pg/postgres.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <deque>

#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/sql.hpp"

namespace capeai::pg {
namespace {

constexpr int64_t kEpochShift =  // Unix epoch to PostgreSQL's, in microseconds
    static_cast<int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

struct TypeInfo {
  ::Oid oid;
  ::Oid element;  // of an array type
};

TypeInfo InfoOf(Type type) {
  switch (type) {
    case Type::kBool:
      return {BOOLOID, 0};
    case Type::kInt4:
      return {INT4OID, 0};
    case Type::kInt8:
      return {INT8OID, 0};
    case Type::kFloat4:
      return {FLOAT4OID, 0};
    case Type::kFloat8:
      return {FLOAT8OID, 0};
    case Type::kText:
      return {TEXTOID, 0};
    case Type::kBytea:
      return {BYTEAOID, 0};
    case Type::kJsonb:
      return {JSONBOID, 0};
    case Type::kUuid:
      return {UUIDOID, 0};
    case Type::kTimestamptz:
      return {TIMESTAMPTZOID, 0};
    case Type::kInterval:
      return {INTERVALOID, 0};
    case Type::kOid:
      return {OIDOID, 0};
    case Type::kRegconfig:
      return {REGCONFIGOID, 0};
    case Type::kBoolArray:
      return {BOOLARRAYOID, BOOLOID};
    case Type::kInt4Array:
      return {INT4ARRAYOID, INT4OID};
    case Type::kInt8Array:
      return {INT8ARRAYOID, INT8OID};
    case Type::kFloat4Array:
      return {FLOAT4ARRAYOID, FLOAT4OID};
    case Type::kTextArray:
      return {TEXTARRAYOID, TEXTOID};
    case Type::kByteaArray:
      return {BYTEAARRAYOID, BYTEAOID};
    case Type::kUuidArray:
      return {UUIDARRAYOID, UUIDOID};
    case Type::kTimestamptzArray:
      return {TIMESTAMPTZARRAYOID, TIMESTAMPTZOID};
    case Type::kOidArray:
      return {OIDARRAYOID, OIDOID};
    case Type::kJsonbArray:
      return {JSONBARRAYOID, JSONBOID};
  }
  return {0, 0};
}

// ---- C++ to Datum. These run inside Guarded() and own nothing. ----

Datum ScalarUnsafe(::Oid oid, std::string_view text) {
  if (oid == TEXTOID || oid == BYTEAOID)
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  ::Oid input;
  ::Oid ioparam;
  getTypeInputInfo(oid, &input, &ioparam);
  return OidInputFunctionCall(input, pnstrdup(text.data(), text.size()), ioparam, -1);
}
Datum ScalarUnsafe(::Oid oid, int64_t v) {
  if (oid == INT8OID) return Int64GetDatum(v);
  if (oid == OIDOID || oid == REGCONFIGOID) return ObjectIdGetDatum(static_cast<::Oid>(v));
  if (oid == BOOLOID) return BoolGetDatum(v != 0);
  return Int32GetDatum(static_cast<int32_t>(v));
}
Datum ScalarUnsafe(::Oid oid, int32_t v) { return ScalarUnsafe(oid, static_cast<int64_t>(v)); }
Datum ScalarUnsafe(::Oid oid, unsigned v) { return ScalarUnsafe(oid, static_cast<int64_t>(v)); }
Datum ScalarUnsafe(::Oid oid, bool v) { return ScalarUnsafe(oid, static_cast<int64_t>(v)); }
Datum ScalarUnsafe(::Oid oid, double v) {
  return oid == FLOAT4OID ? Float4GetDatum(static_cast<float>(v)) : Float8GetDatum(v);
}
Datum ScalarUnsafe(::Oid, const Uuid& v) {
  auto* out = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
  memcpy(out->data, v.bytes.data(), UUID_LEN);
  return UUIDPGetDatum(out);
}
Datum ScalarUnsafe(::Oid, WallTime v) {
  return TimestampTzGetDatum(v.time_since_epoch().count() - kEpochShift);
}
Datum ScalarUnsafe(::Oid, Duration v) {
  auto* out = static_cast<Interval*>(palloc0(sizeof(Interval)));
  out->time = v.count();
  return IntervalPGetDatum(out);
}
Datum ScalarUnsafe(::Oid oid, const std::string& v) { return ScalarUnsafe(oid, std::string_view(v)); }

template <class T>
struct Element {
  static bool null(const T&) { return false; }
  static const T& value(const T& v) { return v; }
};
template <class T>
struct Element<std::optional<T>> {
  static bool null(const std::optional<T>& v) { return !v.has_value(); }
  static const T& value(const std::optional<T>& v) { return *v; }
};

template <class T>
Datum ArrayUnsafe(::Oid element, const std::vector<T>& values) {
  const int count = static_cast<int>(values.size());
  if (count == 0) return PointerGetDatum(construct_empty_array(element));
  auto* datums = static_cast<Datum*>(palloc(sizeof(Datum) * values.size()));
  auto* nulls = static_cast<bool*>(palloc(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<T, bool>) {
      nulls[i] = false;
      datums[i] = BoolGetDatum(values[i]);
    } else {
      nulls[i] = Element<T>::null(values[i]);
      datums[i] = nulls[i] ? 0 : ScalarUnsafe(element, Element<T>::value(values[i]));
    }
  }
  int16 length;
  bool by_value;
  char align;
  get_typlenbyvalalign(element, &length, &by_value, &align);
  int dims[1] = {count};
  int lower[1] = {1};
  return PointerGetDatum(construct_md_array(datums, nulls, 1, dims, lower, element, length, by_value, align));
}

struct ToDatumUnsafe {
  TypeInfo info;
  bool* null;

  Datum operator()(Null) const {
    *null = true;
    return 0;
  }
  Datum operator()(Passed argument) const { return argument.datum; }
  template <class T>
  Datum operator()(const std::vector<T>* values) const {
    return ArrayUnsafe(info.element, *values);
  }
  template <class T>
  Datum operator()(const T& value) const {
    return ScalarUnsafe(info.oid, value);
  }
};

struct Converted {
  ::Oid* oids;
  Datum* values;
  char* nulls;
  int count;
};

Converted ConvertUnsafe(const Type* types, size_t n_types, const Param* params, size_t n_params) {
  if (n_types != n_params) elog(ERROR, "capeai: statement takes %zu parameters, not %zu", n_types, n_params);
  Converted out;
  out.count = static_cast<int>(n_types);
  out.oids = static_cast<::Oid*>(palloc(sizeof(::Oid) * (n_types + 1)));
  out.values = static_cast<Datum*>(palloc(sizeof(Datum) * (n_types + 1)));
  out.nulls = static_cast<char*>(palloc(n_types + 1));
  for (size_t i = 0; i < n_types; ++i) {
    const TypeInfo info = InfoOf(types[i]);
    bool null = false;
    out.oids[i] = info.oid;
    out.values[i] = std::visit(ToDatumUnsafe{info, &null}, params[i]);
    out.nulls[i] = null ? 'n' : ' ';
  }
  return out;
}

// In a database that is not UTF-8: the parameters with every text converted.
// The converted texts live here, in deques because Params point at them.
class EncodedParams {
 public:
  EncodedParams(const Type* types, const Param* params, size_t count) {
    for (size_t i = 0; i < count; ++i) params_.push_back(Encode(types[i], params[i]));
  }
  const Param* data() const { return params_.data(); }

 private:
  Param Encode(Type type, const Param& param) {
    if (type == Type::kBytea || type == Type::kByteaArray) return param;
    if (const auto* text = std::get_if<std::string_view>(&param))
      return std::string_view(texts_.emplace_back(ToDatabase(*text).text));
    if (const auto* array = std::get_if<const std::vector<std::string>*>(&param)) {
      auto& copy = arrays_.emplace_back();
      for (const std::string& text : **array) copy.push_back(ToDatabase(text).text);
      return &std::as_const(copy);
    }
    if (const auto* array = std::get_if<const Nullable<std::string>*>(&param)) {
      auto& copy = nullable_arrays_.emplace_back();
      for (const auto& text : **array)
        copy.push_back(text ? std::optional(ToDatabase(*text).text) : std::nullopt);
      return &std::as_const(copy);
    }
    return param;
  }

  std::vector<Param> params_;
  std::deque<std::string> texts_;
  std::deque<std::vector<std::string>> arrays_;
  std::deque<Nullable<std::string>> nullable_arrays_;
};

}  // namespace

Uuid Rows::Id(size_t row, size_t col) const {
  Uuid id;
  const std::string_view raw = Text(row, col);
  if (raw.size() == id.bytes.size()) memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

// Runs one statement between SPI_connect and SPI_finish.
class Executor {
 public:
  Executor(const char* sql, const Type* types, size_t n_types, bool read_only, void** kept_plan)
      : sql_(sql), types_(types), n_types_(n_types), read_only_(read_only), kept_plan_(kept_plan) {}

  Rows Run(const Param* params, size_t n_params, long max_rows) {
    Rows rows;
    if (DatabaseIsUtf8() || n_params != n_types_) {
      Guarded([&] { RunUnsafe(params, n_params, max_rows, rows); });
    } else {
      const EncodedParams encoded(types_, params, n_params);
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
      plan = SPI_prepare(sql_, in.count, in.oids);
      if (!plan) elog(ERROR, "capeai: SPI_prepare: %s", SPI_result_code_string(SPI_result));
      if (kept_plan_) {
        if (SPI_keepplan(plan) != 0) elog(ERROR, "capeai: SPI_keepplan failed");
        *kept_plan_ = plan;
      }
    }
    const int code = SPI_execute_plan(plan, in.values, in.nulls, read_only_, max_rows);
    if (code < 0) elog(ERROR, "capeai: SPI_execute_plan: %s", SPI_result_code_string(code));
    rows.processed_ = SPI_processed;
    if (SPI_tuptable) CopyUnsafe(*SPI_tuptable, rows);
    SPI_finish();
    if (pushed) PopActiveSnapshot();
  }

  // Owns nothing itself: `rows` belongs to a frame that no longjmp crosses.
  static void CopyUnsafe(const SPITupleTable& table, Rows& rows) {
    const TupleDesc desc = table.tupdesc;
    rows.columns_ = static_cast<size_t>(desc->natts);
    rows.rows_ = table.numvals;
    rows.cells_.resize(rows.rows_ * rows.columns_);
    auto* output = static_cast<FmgrInfo*>(palloc0(sizeof(FmgrInfo) * (rows.columns_ + 1)));
    for (size_t r = 0; r < rows.rows_; ++r) {
      for (size_t c = 0; c < rows.columns_; ++c) {
        bool null;
        const int at = static_cast<int>(c) + 1;
        const Datum value = SPI_getbinval(table.vals[r], desc, at, &null);
        if (null) continue;
        CopyCellUnsafe(SPI_gettypeid(desc, at), value, output[c], rows.cells_[r * rows.columns_ + c],
                       rows.bytes_);
      }
    }
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
  void** kept_plan_;
};

Rows Execute(const Statement& statement, std::initializer_list<Param> params, long max_rows) {
  Executor executor(statement.sql, statement.types.begin(), statement.types.size(), statement.read_only,
                    &statement.plan);
  return executor.Run(params.begin(), params.size(), max_rows);
}

Rows ExecuteOnce(const std::string& sql, std::initializer_list<Type> types,
                 std::initializer_list<Param> params, long max_rows, bool read_only) {
  Executor executor(sql.c_str(), types.begin(), types.size(), read_only, nullptr);
  return executor.Run(params.begin(), params.size(), max_rows);
}

}  // namespace capeai::pg
