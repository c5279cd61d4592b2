#include "pg/function.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

#include <cstring>
#include <new>

#include "pg/bystander.hpp"
#include "pg/refusals.hpp"

namespace capeai::pg {
namespace {

// An error in plain memory of fixed size: it survives the longjmp that ereport
// makes, and needs no allocation when memory is what has run out.
struct PlainError {
  bool set = false;
  char sqlstate[6] = "XX000";
  char message[1024] = "";
  char detail[4096] = "";
  char hint[1024] = "";
};

void CopyText(char* to, size_t size, const std::string& from) {
  const int n = pg_mbcliplen(from.data(), static_cast<int>(from.size()), static_cast<int>(size - 1));
  memcpy(to, from.data(), static_cast<size_t>(n));
  to[n] = '\0';
}

void Keep(PlainError& out, const Error& error) {
  out.set = true;
  if (error.sqlstate.size() == 5) memcpy(out.sqlstate, error.sqlstate.c_str(), 6);
  CopyText(out.message, sizeof out.message, error.message);
  CopyText(out.detail, sizeof out.detail, error.detail);
  CopyText(out.hint, sizeof out.hint, error.hint);
}

Datum CallCatching(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo, PlainError& out) {
  try {
    return body(fcinfo);
  } catch (const PgError& e) {
    Keep(out, e.error());
  } catch (const std::bad_alloc&) {
    Keep(out, Error{sqlstate::kOutOfMemory, "out of memory", "", ""});
  } catch (const std::exception& e) {
    Keep(out, Error{"XX000", std::string("capeai: ") + e.what(), "", ""});
  } catch (...) {
    Keep(out, Error{"XX000", "capeai: unknown C++ exception", "", ""});
  }
  return 0;
}

Datum CallCalledBack(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo, PlainError& out) {
  const PostgresCallsBack called_back;
  return CallCatching(body, fcinfo, out);
}

using Caller = Datum (*)(Datum (*)(FunctionCallInfo), FunctionCallInfo, PlainError&);

Datum CallRaising(Caller call, Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo) {
  PlainError error;
  const Datum result = call(body, fcinfo, error);
  if (error.set) {
    const char* s = error.sqlstate;
    NoteRefusal(fcinfo->flinfo ? fcinfo->flinfo->fn_oid : InvalidOid, s);
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])), errmsg_internal("%s", error.message),
             error.detail[0] ? errdetail_internal("%s", error.detail) : 0,
             error.hint[0] ? errhint("%s", error.hint) : 0));
  }
  return result;
}

}  // namespace

Datum CallFromPostgres(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo) {
  return CallRaising(CallCalledBack, body, fcinfo);
}

Datum CallBesideBystander(Datum (*body)(FunctionCallInfo), FunctionCallInfo fcinfo) {
  return CallRaising(CallCatching, body, fcinfo);
}

}  // namespace capeai::pg
