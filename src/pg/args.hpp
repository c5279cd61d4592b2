// Arguments of SQL functions in, results out, for bodies of CAPEAI_FUNCTION.
// Included by api/ after pg/function.hpp. Text arrives as UTF-8 whatever the
// database encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "pg/function.hpp"
#include "pg/sql.hpp"

namespace capeai::pg {

// Text, jsonb (its text), name and the like, through the type's output function
// where it is not text. nullopt for NULL.
std::optional<std::string> TextArg(FunctionCallInfo fcinfo, int arg);
std::optional<Uuid> UuidArg(FunctionCallInfo fcinfo, int arg);
std::optional<WallTime> TimestampArg(FunctionCallInfo fcinfo, int arg);  // infinities: 22023
std::optional<Duration> IntervalArg(FunctionCallInfo fcinfo, int arg);   // months count 30 days
std::optional<int32_t> IntArg(FunctionCallInfo fcinfo, int arg);
std::optional<int64_t> BigintArg(FunctionCallInfo fcinfo, int arg);
std::optional<double> RealArg(FunctionCallInfo fcinfo, int arg);
std::optional<bool> BoolArg(FunctionCallInfo fcinfo, int arg);
// text[], jsonb[] (elements in text form), uuid[]. nullopt for NULL; elements
// may be NULL. More than one dimension is 22023.
std::optional<std::vector<std::optional<std::string>>> TextArrayArg(FunctionCallInfo fcinfo, int arg);
std::optional<std::vector<Uuid>> UuidArrayArg(FunctionCallInfo fcinfo, int arg);  // NULL element: 22023

// The elements of a text[] or jsonb[] as texts, made one by one when they are asked for. The argument must
// not be NULL; more than one dimension is 22023.
class TextElements {
 public:
  TextElements(FunctionCallInfo fcinfo, int arg);
  size_t size() const { return size_; }
  std::optional<std::string> operator[](size_t i);  // nullopt for NULL

 private:
  FmgrInfo output_;
  const Datum* values_;
  const bool* nulls_;
  size_t size_;
  char* text_ = nullptr;  // of the last one, in PostgreSQL's memory
};

// For the parameter of a statement, as it came. The argument must not be NULL.
Passed PassArg(FunctionCallInfo fcinfo, int arg);
// The same as an array of that one element.
Passed PassAsArray(FunctionCallInfo fcinfo, int arg);
// A jsonb[] of JSON texts (UTF-8).
Passed PassJsonbArray(const std::vector<std::string>& texts);
// Size of a text, jsonb or array argument once uncompressed; 0 for NULL. Cheap:
// to refuse what is too large before it is read.
size_t ArgBytes(FunctionCallInfo fcinfo, int arg);

Datum TextResult(std::string_view text);  // from UTF-8; what the encoding cannot hold becomes '?'
Datum UuidResult(const Uuid& id);
Datum JsonbResult(std::string_view text);

// A cell of a composite result or a set's row: what Datum cannot say by itself.
// Values are given in text form and go through the column type's input function,
// except where that is the wrong cost: kept simple on purpose.
using CellText = std::optional<std::string>;

// One row of the function's declared composite type.
Datum RowResult(FunctionCallInfo fcinfo, const std::vector<CellText>& cells);

// The same from the row's text form, as `row::text` gives it.
Datum RowFromText(FunctionCallInfo fcinfo, const std::string& row);

// A timestamptz as text for a cell, whatever DateStyle is.
std::string TimestampText(WallTime t);

// Fills the function's result set (materialised) with rows of CellText.
class RowSet {
 public:
  explicit RowSet(FunctionCallInfo fcinfo);
  void Add(const std::vector<CellText>& cells);
  // Rows of the two columns (integer, uuid): 1 and the first, 2 and the second, ...
  void AddNumbered(const std::vector<Uuid>& ids);
  // A row of the two columns (integer, real[]).
  void Add(int32_t number, const std::vector<float>& values);

 private:
  void* info_;  // ReturnSetInfo
  void* meta_;  // AttInMetadata
};

// {a,"b"} array literal of text elements, for CellText.
std::string ArrayLiteral(const std::vector<std::string>& elements);
// ("a","b",) row literal of cells, for a CellText of a composite type.
std::string RowLiteral(const std::vector<CellText>& cells);

}  // namespace capeai::pg
