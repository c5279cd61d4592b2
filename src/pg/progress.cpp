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

void ClientWarning(const std::string& text, const std::string& detail, const std::string& hint) {
  const std::string stored = ToDatabase(text).text;
  const std::string more = ToDatabase(detail).text;
  const std::string tip = ToDatabase(hint).text;
  Guarded([&] {
    ereport(WARNING_CLIENT_ONLY,
            (errmsg_internal("%s", stored.c_str()), more.empty() ? 0 : errdetail_internal("%s", more.c_str()),
             tip.empty() ? 0 : errhint("%s", tip.c_str())));
  });
}

Activity::Activity() : statement_(debug_query_string ? debug_query_string : "") {}

Activity::~Activity() { pgstat_report_activity(STATE_RUNNING, statement_.c_str()); }

void Activity::Report(const std::string& text) {
  const std::string stored = ToDatabase(text).text;
  Guarded([&] { pgstat_report_activity(STATE_RUNNING, stored.c_str()); });
}

}  // namespace capeai::pg
