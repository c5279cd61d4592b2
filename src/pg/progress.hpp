// What a long statement tells while it runs.
#pragma once

#include <string>

namespace capeai::pg {

// NOTICE and WARNING to the client, as its client_min_messages wants. The warning is not in the server's log,
// which one that comes with every statement would fill.
void Notice(const std::string& text);
void ClientWarning(const std::string& text, const std::string& detail = {}, const std::string& hint = {});

// For its life time pg_stat_activity.query of this backend can be replaced; the
// statement's own text comes back afterwards.
class Activity {
 public:
  Activity();
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;
  void Report(const std::string& text);

 private:
  std::string statement_;
};

}  // namespace capeai::pg
