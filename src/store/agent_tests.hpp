// Agents' tests as rows: runs, results, recordings. All statements run as the
// extension's owner, in the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "pg/sql.hpp"

namespace capeai::store {

struct TestResult {
  int number = 0;  // 1.. in the order of the manifest
  std::string name;
  std::vector<std::string> problems;  // empty: passed
  std::string stale;                  // why; empty: not
  std::optional<std::string> response;
  std::string output;  // JSON text; empty: none
  std::string model;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  std::optional<std::string> cost;  // numeric, as text
  int64_t duration_ms = 0;
};

struct TestRun {
  Uuid agent_id;
  Uuid agent_version_id;
  std::string content_hash;  // in hexadecimal digits
  std::string mode;          // record, replay, live
  pg::Oid role = 0;
  WallTime started_at;
  std::vector<TestResult> results;
};
// Writes a run with its results; its id.
Uuid InsertTestRun(const TestRun& run);

// The latest run in which this content of the version passed every case with nothing stale.
std::optional<Uuid> PassedTestRun(const Uuid& version_id, const std::string& content_hash);

// The version of an agent that was made last and is not archived.
std::optional<std::string> NewestVersion(const std::string& slug);

// JSON text of what was recorded for a case; nothing if nothing was.
std::optional<std::string> LoadRecording(const Uuid& agent_id, const std::string& case_name);
void SaveRecording(const Uuid& agent_id, const std::string& case_name, const std::string& recording);

// What these tasks cost together, as committed by now; nothing if the cost of one is not known.
std::optional<std::string> CostOf(const std::vector<Uuid>& tasks);

}  // namespace capeai::store
