// SQL from C++: prepared statements with typed parameters in, plain cells out.
// No Datum leaves this header. Used by store/, the only place with SQL text.
//
// A Statement is a static constant of the store; its plan is prepared at first
// use, one for all parameters and without scans of whole tables, and kept for the
// life of the process. Execute() needs an open transaction
// (a backend has one; worker/ opens one with pg::Transaction) and pushes a
// snapshot if none is active. Every error is a PgError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json_tokens.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

namespace capeai::pg {

using Oid = unsigned int;

// Parameter types, in the order of $1, $2, ...
enum class Type : uint8_t {
  kBool,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kText,
  kBytea,
  kJsonb,
  kUuid,
  kTimestamptz,
  kInterval,
  kOid,
  kRegconfig,
  kBoolArray,
  kInt4Array,
  kInt8Array,
  kFloat4Array,
  kTextArray,
  kByteaArray,
  kUuidArray,
  kTimestamptzArray,
  kOidArray,
  kJsonbArray,
  kTidArray,  // rows' addresses, as Int() gives them
};

struct Statement {
  const char* sql;
  std::initializer_list<Type> types;
  bool read_only = false;        // runs with the caller's snapshot, sees no own writes
  bool of_queue = false;         // most rows of its table have gone: see PlanUnsafe()
  bool documents = false;        // its jsonb comes as base/json_tokens.hpp has it, not as text
  mutable void* plan = nullptr;  // SPIPlanPtr, kept
};

// NULL of whatever type the statement declares.
struct Null {};

template <class T>
using Nullable = std::vector<std::optional<T>>;

// An argument of the SQL function that is being executed, handed on as it came
// (pg/args.hpp, PassArg): no copy, no conversion.
struct Passed {
  uintptr_t datum;
};

// A parameter. Text views must outlive Execute(). Arrays are passed by pointer
// and must outlive it too.
using Param =
    std::variant<Null, Passed, bool, int32_t, int64_t, double, std::string_view, Uuid, WallTime, Duration,
                 const std::vector<bool>*, const std::vector<int32_t>*, const std::vector<int64_t>*,
                 const std::vector<double>*, const std::vector<std::string>*, const Nullable<std::string>*,
                 const std::vector<std::string_view>*, const Nullable<std::string_view>*,
                 const Nullable<JsonTokens>*, const Nullable<int64_t>*, const Nullable<double>*,
                 const std::vector<Uuid>*, const std::vector<WallTime>*, const Nullable<WallTime>*,
                 const std::vector<Oid>*>;

// Helper for optional parameters.
template <class T>
Param Maybe(const std::optional<T>& value) {
  if (!value) return Null{};
  return Param(*value);
}
inline Param Maybe(const std::optional<std::string>& value) {
  if (!value) return Null{};
  return Param(std::string_view(*value));
}

// NULL for an empty text.
inline std::optional<std::string_view> OrNull(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}
// The same for a document, an element of kJsonbArray.
inline std::optional<JsonTokens> DocumentOrNull(std::string_view tokens) {
  if (tokens.empty()) return std::nullopt;
  return JsonTokens{tokens};
}

// The result, copied out of PostgreSQL's memory. Integers, oids and booleans
// come as Int, and so does a row's address (ctid); floats and numeric as Real,
// timestamptz as Time, uuid as Id, bytea as raw bytes and everything else in its output text as Text.
class Rows {
 public:
  size_t size() const { return rows_; }
  bool empty() const { return rows_ == 0; }
  uint64_t processed() const { return processed_; }  // rows touched, also without RETURNING

  bool IsNull(size_t row, size_t col) const { return cell(row, col).null; }
  int64_t Int(size_t row, size_t col) const { return cell(row, col).integer; }
  bool Bool(size_t row, size_t col) const { return cell(row, col).integer != 0; }
  double Real(size_t row, size_t col) const { return cell(row, col).real; }
  std::string_view Text(size_t row, size_t col) const {
    const Cell& c = cell(row, col);
    return std::string_view(bytes_).substr(c.offset, c.length);
  }
  std::string String(size_t row, size_t col) const { return std::string(Text(row, col)); }
  Uuid Id(size_t row, size_t col) const;
  WallTime Time(size_t row, size_t col) const { return WallTime(Duration(cell(row, col).integer)); }

  std::optional<std::string> MaybeString(size_t row, size_t col) const {
    if (IsNull(row, col)) return std::nullopt;
    return String(row, col);
  }
  std::optional<int64_t> MaybeInt(size_t row, size_t col) const {
    if (IsNull(row, col)) return std::nullopt;
    return Int(row, col);
  }
  std::optional<double> MaybeReal(size_t row, size_t col) const {
    if (IsNull(row, col)) return std::nullopt;
    return Real(row, col);
  }

 private:
  friend class Executor;
  struct Cell {
    bool null = true;
    int64_t integer = 0;
    double real = 0;
    size_t offset = 0;
    size_t length = 0;
  };
  const Cell& cell(size_t row, size_t col) const { return cells_[row * columns_ + col]; }

  size_t rows_ = 0;
  size_t columns_ = 0;
  uint64_t processed_ = 0;
  std::vector<Cell> cells_;
  std::string bytes_;
};

// Runs `statement`. At most `max_rows` rows (0: all).
Rows Execute(const Statement& statement, std::initializer_list<Param> params, long max_rows = 0);

// Runs SQL made at run time (the function of an agent's knowledge, say): not
// cached, otherwise the same.
Rows ExecuteOnce(const std::string& sql, std::initializer_list<Type> types,
                 std::initializer_list<Param> params, long max_rows = 0, bool read_only = false);

}  // namespace capeai::pg
