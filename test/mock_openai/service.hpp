// One request in, one Reply out: routing, checks, script, answer. Knows no socket.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>

#include "answer.hpp"
#include "api_error.hpp"
#include "http.hpp"
#include "reply.hpp"
#include "report.hpp"
#include "script.hpp"

namespace mock {

struct ServiceOptions {
  std::string key = "sk-test";  // empty: any or none will do
  std::string default_script;   // settings for requests that bring none
  size_t kept_requests = 20000;
  size_t kept_bodies = 256;
};

class Service {
 public:
  // Throws std::invalid_argument for a wrong default script.
  explicit Service(const ServiceOptions& options);

  // `now` in microseconds since 1970.
  Reply Handle(const HttpRequest& request, int64_t now);
  Report& report() { return report_; }

 private:
  Reply HandleApi(const HttpRequest& request, int64_t now);
  Reply HandleControl(const HttpRequest& request);
  Reply RunChat(const cJSON* body, const Script& script, int64_t now, const Prompt& prompt, uint64_t number);
  Check CheckTransport(const HttpRequest& request) const;
  Check ReadScript(const HttpRequest& request, const std::string& model, const Prompt& prompt,
                   Script& script);
  bool SpendFault(const std::string& key, int64_t times);
  Reply Refuse(const ApiError& error, uint64_t number);

  const ServiceOptions options_;
  Script default_;
  Report report_;
  std::unordered_map<std::string, int64_t> faults_;  // spent, by tag or by model and script
  std::mt19937 random_{20240229};                    // of jitter; the same in every run
};

}  // namespace mock
