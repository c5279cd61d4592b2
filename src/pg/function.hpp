// The outward guard: PostgreSQL calls C++. CAPEAI_FUNCTION(name) declares an
// SQL-callable function: its export, its V1 info record, and a wrapper that
// turns every C++ exception into ereport outside of any catch block.
//
// The body takes `FunctionCallInfo fcinfo` and returns Datum. It uses C++
// freely, and PostgreSQL only through the rest of pg/ (or Guarded()), so that no
// longjmp crosses its objects. PG_GETARG_* of types passed by value and the
// helpers of pg/args.hpp are fine; detoasting is not.
#pragma once

#include "pg/postgres.hpp"

#include "pg/guard.hpp"

namespace capeai::pg {

// Calls `body` and, if it throws, raises what it threw as a PostgreSQL error.
Datum CallFromPostgres(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo);
// The same for a body that works on nothing but its arguments and PostgreSQL's
// memory: no Json, nothing static. In the worker it runs beside the bystander
// (pg/bystander.hpp), which costs nothing for each of many rows.
Datum CallBesideBystander(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo);

}  // namespace capeai::pg

#define CAPEAI_FUNCTION(name) CAPEAI_FUNCTION_BY(::capeai::pg::CallFromPostgres, name)
#define CAPEAI_ROW_FUNCTION(name) CAPEAI_FUNCTION_BY(::capeai::pg::CallBesideBystander, name)

#define CAPEAI_FUNCTION_BY(caller, name)                                           \
  static Datum name##_body(FunctionCallInfo fcinfo);                               \
  extern "C" {                                                                     \
  PG_FUNCTION_INFO_V1(name);                                                       \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) { return caller(name##_body, fcinfo); } \
  }                                                                                \
  static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
