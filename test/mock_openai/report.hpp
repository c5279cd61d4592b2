// What the server saw: counters, and the last requests one by one. Times of day
// in microseconds since 1970 (CLOCK_REALTIME), to be compared with the database's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mock {

struct RequestRecord {
  uint64_t number = 0;  // 1.. in order of arrival
  int64_t arrived = 0;
  int64_t finished = 0;  // last byte written; 0: not yet
  int status = 0;
  bool authorized = false;
  bool stream = false;
  bool aborted = false;  // the client left before the end
  std::string path;
  std::string model;
  std::string tag;
  std::string idempotency_key;
  std::string organization;  // OpenAI-Organization
  std::string project;       // OpenAI-Project
  std::string user_agent;
  std::string body;     // of the last `kept_bodies` requests
  std::string problem;  // why it was refused
};

class Report {
 public:
  Report(size_t kept, size_t kept_bodies) : kept_(kept), kept_bodies_(kept_bodies) {}

  // Adds a request that is in flight from now on; `body` is copied if bodies are
  // kept. The answer's number is the handle for Finish.
  uint64_t Begin(RequestRecord record, std::string_view body);
  // Its last byte was written, or the client left.
  void Finish(uint64_t number, int64_t now, bool aborted);
  // Its status, once it is known.
  void SetStatus(uint64_t number, int status, std::string_view problem);

  void ConnectionOpened();
  void ConnectionClosed() { --open_; }
  void Reset();

  // JSON: counters and the last `last` requests.
  std::string Summary(size_t last) const;
  // JSON array of the kept requests with that tag (all if empty), the newest
  // `limit`, oldest first.
  std::string Requests(std::string_view tag, size_t limit, bool with_body) const;

 private:
  RequestRecord* Find(uint64_t number);

  const size_t kept_;
  const size_t kept_bodies_;
  std::vector<RequestRecord> ring_;  // record n at (n - 1) % kept_
  uint64_t count_ = 0;               // numbers given, since the start
  uint64_t base_ = 0;                // numbers given before the last reset
  std::map<int, uint64_t> by_status_;
  std::map<std::string, uint64_t, std::less<>> by_model_;
  uint64_t aborted_ = 0;
  uint64_t in_flight_ = 0;
  uint64_t peak_ = 0;
  uint64_t opened_ = 0;
  uint64_t open_ = 0;
  uint64_t peak_open_ = 0;
};

}  // namespace mock
