#include "pg/postgres.hpp"

extern "C" {
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
}

#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/progress.hpp"

namespace capeai::pg {

void Notice(const std::string& text) {
  const std::string stored = ToDatabase(text).text;
  Guarded([&] { ereport(NOTICE, (errmsg("%s", stored.c_str()))); });
}

void ClientWarning(const std::string& text, const std::string& detail) {
  const std::string stored = ToDatabase(text).text;
  const std::string more = ToDatabase(detail).text;
  Guarded([&] {
    ereport(WARNING, (errmsg("%s", stored.c_str()), more.empty() ? 0 : errdetail("%s", more.c_str())));
  });
}

Activity::Activity() : statement_(debug_query_string ? debug_query_string : "") {}

Activity::~Activity() { pgstat_report_activity(STATE_RUNNING, statement_.c_str()); }

void Activity::Report(const std::string& text) {
  const std::string stored = ToDatabase(text).text;
  Guarded([&] { pgstat_report_activity(STATE_RUNNING, stored.c_str()); });
}

}  // namespace capeai::pg
