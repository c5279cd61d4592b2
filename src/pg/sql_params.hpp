// From parameters to what SPI takes. Private to pg/sql.cpp; included after
// pg/postgres.hpp.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "pg/sql.hpp"

namespace capeai::pg {

// Unix epoch to PostgreSQL's, in microseconds.
inline constexpr int64_t kEpochShift =
    static_cast<int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

struct Converted {
  ::Oid* oids;
  Datum* values;
  char* nulls;
  int count;
};

// Runs inside Guarded(); the result lives in the current memory context.
Converted ConvertUnsafe(const Type* types, size_t n_types, const Param* params, size_t n_params);

// In a database that is not UTF-8: the parameters with every text converted.
// The converted texts live here, in deques because Params point at them.
class EncodedParams {
 public:
  EncodedParams(const Type* types, const Param* params, size_t count) {
    for (size_t i = 0; i < count; ++i) params_.push_back(Encode(types[i], params[i]));
  }
  const Param* data() const { return params_.data(); }

 private:
  Param Encode(Type type, const Param& param);
  template <class T>
  Param EncodeArray(const std::vector<T>& texts);
  template <class T>
  Param EncodeNullable(const Nullable<T>& texts);

  Param EncodeDocuments(const Nullable<JsonTokens>& documents);

  std::vector<Param> params_;
  std::deque<std::string> texts_;
  std::deque<std::vector<std::string>> arrays_;
  std::deque<Nullable<std::string>> nullable_arrays_;
  std::deque<Nullable<JsonTokens>> documents_;
};

}  // namespace capeai::pg
