#include "pg/postgres.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/sql_params.hpp"

namespace capeai::pg {
namespace {

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
    case Type::kTidArray:
      return {TIDARRAYOID, TIDOID};
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
// The block above 16 bits of the place in it, as in Rows.
Datum TidUnsafe(int64_t v) {
  auto* out = static_cast<ItemPointer>(palloc(sizeof(ItemPointerData)));
  ItemPointerSet(out, static_cast<BlockNumber>(v >> 16), static_cast<OffsetNumber>(v & 0xFFFF));
  return PointerGetDatum(out);
}
Datum ScalarUnsafe(::Oid oid, int64_t v) {
  if (oid == INT8OID) return Int64GetDatum(v);
  if (oid == OIDOID || oid == REGCONFIGOID) return ObjectIdGetDatum(static_cast<::Oid>(v));
  if (oid == BOOLOID) return BoolGetDatum(v != 0);
  if (oid == TIDOID) return TidUnsafe(v);
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
Datum ScalarUnsafe(::Oid, JsonTokens v) { return JsonbUnsafe(v); }
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

// Uuids lie in an array as they lie in a vector.
static_assert(sizeof(Uuid) == UUID_LEN);
Datum ArrayUnsafe(::Oid element, const std::vector<Uuid>& ids) {
  if (ids.empty()) return PointerGetDatum(construct_empty_array(element));
  const size_t header = ARR_OVERHEAD_NONULLS(1);
  const size_t bytes = ids.size() * sizeof(Uuid);
  auto* array = static_cast<ArrayType*>(palloc(header + bytes));
  SET_VARSIZE(array, header + bytes);
  array->ndim = 1;
  array->dataoffset = 0;
  array->elemtype = element;
  ARR_DIMS(array)[0] = static_cast<int>(ids.size());
  ARR_LBOUND(array)[0] = 1;
  memcpy(ARR_DATA_PTR(array), ids.data(), bytes);
  return PointerGetDatum(array);
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

}  // namespace

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

template <class T>
Param EncodedParams::EncodeArray(const std::vector<T>& texts) {
  auto& copy = arrays_.emplace_back();
  for (const T& text : texts) copy.push_back(ToDatabase(std::string(text)).text);
  return &std::as_const(copy);
}

template <class T>
Param EncodedParams::EncodeNullable(const Nullable<T>& texts) {
  auto& copy = nullable_arrays_.emplace_back();
  for (const auto& text : texts)
    copy.push_back(text ? std::optional(ToDatabase(std::string(*text)).text) : std::nullopt);
  return &std::as_const(copy);
}

Param EncodedParams::EncodeDocuments(const Nullable<JsonTokens>& documents) {
  auto& copy = documents_.emplace_back();
  for (const auto& document : documents)
    copy.push_back(document ? std::optional(JsonTokens{texts_.emplace_back(ToDatabase(*document))})
                            : std::nullopt);
  return &std::as_const(copy);
}

Param EncodedParams::Encode(Type type, const Param& param) {
  if (type == Type::kBytea || type == Type::kByteaArray) return param;
  if (const auto* text = std::get_if<std::string_view>(&param))
    return std::string_view(texts_.emplace_back(ToDatabase(std::string(*text)).text));
  if (const auto* array = std::get_if<const std::vector<std::string>*>(&param)) return EncodeArray(**array);
  if (const auto* array = std::get_if<const Nullable<JsonTokens>*>(&param)) return EncodeDocuments(**array);
  if (const auto* array = std::get_if<const std::vector<std::string_view>*>(&param))
    return EncodeArray(**array);
  if (const auto* array = std::get_if<const Nullable<std::string>*>(&param)) return EncodeNullable(**array);
  if (const auto* array = std::get_if<const Nullable<std::string_view>*>(&param))
    return EncodeNullable(**array);
  return param;
}

}  // namespace capeai::pg
