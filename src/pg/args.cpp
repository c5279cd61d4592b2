#include "pg/args.hpp"

extern "C" {
#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include "pg/encoding.hpp"

namespace capeai::pg {
namespace {

constexpr int64_t kEpochShift = static_cast<int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

// A value's text as a C string in PostgreSQL's memory.
const char* OutputUnsafe(Oid type, Datum value) {
  Oid function;
  bool varlena;
  getTypeOutputInfo(type, &function, &varlena);
  return OidOutputFunctionCall(function, value);
}

struct Elements {
  Datum* values;
  bool* nulls;
  int count;
  Oid type;
};

Elements DeconstructUnsafe(Datum value) {
  ArrayType* array = DatumGetArrayTypeP(value);
  if (ARR_NDIM(array) > 1)
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("array must have one dimension")));
  Elements out{};
  out.type = ARR_ELEMTYPE(array);
  int16 length;
  bool by_value;
  char align;
  get_typlenbyvalalign(out.type, &length, &by_value, &align);
  deconstruct_array(array, out.type, length, by_value, align, &out.values, &out.nulls, &out.count);
  return out;
}

void CheckColumns(int declared, size_t given) {
  if (declared != static_cast<int>(given))
    Raise("XX000", "capeai: the function's row type has " + std::to_string(declared) + " columns, not " +
                       std::to_string(given) + ": library and SQL objects differ");
}

// `values` point into strings that outlive the call.
HeapTuple BuildRowUnsafe(AttInMetadata* meta, char** values) { return BuildTupleFromCStrings(meta, values); }

// Cell texts in the database encoding, and pointers to them for PostgreSQL.
struct CellStrings {
  std::vector<std::string> texts;
  std::vector<char*> pointers;
  explicit CellStrings(const std::vector<CellText>& cells) {
    texts.reserve(cells.size());
    pointers.reserve(cells.size());
    for (const CellText& cell : cells) {
      texts.push_back(cell ? ToDatabase(*cell).text : std::string());
      pointers.push_back(cell ? texts.back().data() : nullptr);
    }
  }
};

}  // namespace

std::optional<std::string> TextArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  struct Piece {
    const char* data;
    size_t size;
  };
  const Piece piece = Guarded([&] {
    const Oid type = get_fn_expr_argtype(fcinfo->flinfo, arg);
    if (type == TEXTOID || type == InvalidOid) {
      const text* t = PG_GETARG_TEXT_PP(arg);
      return Piece{VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)};
    }
    const char* out = OutputUnsafe(type, PG_GETARG_DATUM(arg));
    return Piece{out, strlen(out)};
  });
  return FromDatabase(std::string_view(piece.data, piece.size));
}

std::optional<Uuid> UuidArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  Uuid id;
  memcpy(id.bytes.data(), PG_GETARG_UUID_P(arg)->data, UUID_LEN);
  return id;
}

std::optional<WallTime> TimestampArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  const TimestampTz t = PG_GETARG_TIMESTAMPTZ(arg);
  if (TIMESTAMP_NOT_FINITE(t)) Raise(sqlstate::kInvalidParameter, "timestamp must be finite");
  return WallTime(Duration(t + kEpochShift));
}

std::optional<Duration> IntervalArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  const Interval* in = PG_GETARG_INTERVAL_P(arg);
  const __int128 days = static_cast<__int128>(in->month) * DAYS_PER_MONTH + in->day;
  const __int128 total = days * USECS_PER_DAY + in->time;
  if (total > INT64_MAX / 4 || total < INT64_MIN / 4)
    Raise(sqlstate::kInvalidParameter, "interval is out of range");
  return Duration(static_cast<int64_t>(total));
}

std::optional<int32_t> IntArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  return PG_GETARG_INT32(arg);
}
std::optional<int64_t> BigintArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  return PG_GETARG_INT64(arg);
}
std::optional<double> RealArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  return PG_GETARG_FLOAT8(arg);
}
std::optional<bool> BoolArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  return PG_GETARG_BOOL(arg);
}

TextElements::TextElements(FunctionCallInfo fcinfo, int arg) {
  Guarded([&] {
    const Elements in = DeconstructUnsafe(PG_GETARG_DATUM(arg));
    values_ = in.values;
    nulls_ = in.nulls;
    size_ = static_cast<size_t>(in.count);
    Oid function;
    bool varlena;
    getTypeOutputInfo(in.type, &function, &varlena);
    fmgr_info(function, &output_);
  });
}

std::optional<std::string> TextElements::operator[](size_t i) {
  if (nulls_[i]) return std::nullopt;
  Guarded([&] {
    if (text_) pfree(text_);
    text_ = OutputFunctionCall(&output_, values_[i]);
  });
  return FromDatabase(text_);
}

std::optional<std::vector<std::optional<std::string>>> TextArrayArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  TextElements in(fcinfo, arg);
  std::vector<std::optional<std::string>> out(in.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = in[i];
  return out;
}

std::optional<std::vector<Uuid>> UuidArrayArg(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return std::nullopt;
  const Elements in = Guarded([&] { return DeconstructUnsafe(PG_GETARG_DATUM(arg)); });
  std::vector<Uuid> out(static_cast<size_t>(in.count));
  for (int i = 0; i < in.count; ++i) {
    if (in.nulls[i]) Raise(sqlstate::kInvalidParameter, "uuid array must not contain nulls");
    memcpy(out[static_cast<size_t>(i)].bytes.data(), DatumGetUUIDP(in.values[i])->data, UUID_LEN);
  }
  return out;
}

Passed PassArg(FunctionCallInfo fcinfo, int arg) {
  return Passed{Guarded([&] { return PointerGetDatum(PG_DETOAST_DATUM(PG_GETARG_DATUM(arg))); })};
}

Passed PassAsArray(FunctionCallInfo fcinfo, int arg) {
  return Passed{Guarded([&] {
    const Oid type = get_fn_expr_argtype(fcinfo->flinfo, arg);
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(type, &length, &by_value, &align);
    Datum value = PG_GETARG_DATUM(arg);
    return PointerGetDatum(construct_array(&value, 1, type, length, by_value, align));
  })};
}

Passed PassJsonbArray(const std::vector<std::string>& texts) {
  std::vector<Datum> values;
  for (const std::string& text : texts) values.push_back(JsonbResult(text));
  return Passed{Guarded([&] {
    return PointerGetDatum(
        construct_array(values.data(), static_cast<int>(values.size()), JSONBOID, -1, false, TYPALIGN_INT));
  })};
}

size_t ArgBytes(FunctionCallInfo fcinfo, int arg) {
  if (PG_ARGISNULL(arg)) return 0;
  return Guarded([&] { return static_cast<size_t>(toast_raw_datum_size(PG_GETARG_DATUM(arg))); });
}

Datum TextResult(std::string_view text) {
  const std::string stored = ToDatabase(std::string(text)).text;
  return Guarded([&] {
    return PointerGetDatum(cstring_to_text_with_len(stored.data(), static_cast<int>(stored.size())));
  });
}

Datum UuidResult(const Uuid& id) {
  return Guarded([&] {
    auto* out = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    memcpy(out->data, id.bytes.data(), UUID_LEN);
    return UUIDPGetDatum(out);
  });
}

Datum JsonbResult(std::string_view text) {
  const std::string stored = ToDatabase(std::string(text)).text;
  return Guarded([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(stored.c_str())); });
}

Datum RowResult(FunctionCallInfo fcinfo, const std::vector<CellText>& cells) {
  AttInMetadata* meta = Guarded([&] {
    TupleDesc desc;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
      ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                      errmsg("function returning record called in context that cannot accept type record")));
    return TupleDescGetAttInMetadata(BlessTupleDesc(desc));
  });
  CheckColumns(meta->tupdesc->natts, cells.size());
  CellStrings strings(cells);
  return Guarded([&] { return HeapTupleGetDatum(BuildRowUnsafe(meta, strings.pointers.data())); });
}

Datum RowFromText(FunctionCallInfo fcinfo, const std::string& row) {
  std::string text = ToDatabase(row).text;
  return Guarded([&] {
    Oid type;
    if (get_call_result_type(fcinfo, &type, nullptr) != TYPEFUNC_COMPOSITE)
      elog(ERROR, "capeai: the function does not return a row");
    Oid input;
    Oid parameter;
    getTypeInputInfo(type, &input, &parameter);
    return OidInputFunctionCall(input, text.data(), parameter, -1);
  });
}

std::string TimestampText(WallTime t) {
  const char* text = Guarded([&]() -> const char* {
    const TimestampTz value = t.time_since_epoch().count() - kEpochShift;
    return pstrdup(timestamptz_to_str(value));
  });
  return text;
}

RowSet::RowSet(FunctionCallInfo fcinfo) {
  Guarded([&] {
    InitMaterializedSRF(fcinfo, 0);
    auto* info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    info_ = info;
    meta_ = TupleDescGetAttInMetadata(info->setDesc);
  });
}

void RowSet::Add(const std::vector<CellText>& cells) {
  auto* info = static_cast<ReturnSetInfo*>(info_);
  auto* meta = static_cast<AttInMetadata*>(meta_);
  CheckColumns(meta->tupdesc->natts, cells.size());
  CellStrings strings(cells);
  Guarded([&] {
    HeapTuple tuple = BuildRowUnsafe(meta, strings.pointers.data());
    tuplestore_puttuple(info->setResult, tuple);
    heap_freetuple(tuple);
  });
}

void RowSet::AddNumbered(const std::vector<Uuid>& ids) {
  auto* info = static_cast<ReturnSetInfo*>(info_);
  CheckColumns(info->setDesc->natts, 2);
  Guarded([&] {
    bool nulls[2] = {false, false};
    for (size_t i = 0; i < ids.size(); ++i) {
      Datum cells[2] = {Int32GetDatum(static_cast<int32>(i + 1)), PointerGetDatum(ids[i].bytes.data())};
      tuplestore_putvalues(info->setResult, info->setDesc, cells, nulls);
    }
  });
}

void RowSet::Add(int32_t number, const std::vector<float>& values) {
  auto* info = static_cast<ReturnSetInfo*>(info_);
  CheckColumns(info->setDesc->natts, 2);
  Guarded([&] {
    auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
    for (size_t i = 0; i < values.size(); ++i) elements[i] = Float4GetDatum(values[i]);
    ArrayType* array = construct_array(elements, static_cast<int>(values.size()), FLOAT4OID, sizeof(float4),
                                       true, TYPALIGN_INT);
    Datum cells[2] = {Int32GetDatum(number), PointerGetDatum(array)};
    bool nulls[2] = {false, false};
    tuplestore_putvalues(info->setResult, info->setDesc, cells, nulls);
    pfree(array);
    pfree(elements);
  });
}

std::string ArrayLiteral(const std::vector<std::string>& elements) {
  std::string out = "{";
  for (const std::string& element : elements) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (char c : element) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

std::string RowLiteral(const std::vector<CellText>& cells) {
  std::string out = "(";
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (!cells[i]) continue;
    out += '"';
    for (char c : *cells[i]) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + ")";
}

}  // namespace capeai::pg
