// The settings capeai.* (DESIGN, settings) as plain values. Each call reads what
// the setting is now; a process that reloads (SIGHUP) sees the new value at its
// next call. Strings come as UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace capeai::pg {

// Defines every setting; from _PG_init. Loaded late, without
// shared_preload_libraries, those that need a server start are defined as
// reloadable so that they can be shown; they have no effect there.
void RegisterSettings();

namespace settings {

// Every setting as it is now. A value that only superusers may see is there to be
// compared, not to be shown.
struct SettingValue {
  const char* name;
  std::string value;
  bool secret = false;
};
std::vector<SettingValue> AllValues();

// How much of what people wrote goes into the audit trail, and stays in runs and
// input_data once a task is terminal.
enum class AuditContent { kFull, kHash, kNone };
// What to do with tasks that came by restore, template copy and the like.
enum class OnCopy { kWait, kRun };

// --- at server start
int MaxWorkers();        // 1..64 databases served at once
int MaxInFlightTotal();  // 1..1000000 requests in the whole cluster

// --- at reload, by a superuser
bool Enabled();
std::string BaseUrl();  // without trailing slashes; empty: OpenAI's, when there is a key
std::string ApiKey();   // from capeai.api_key; never log, show or store it
std::string ApiKeyFile();
std::string AllowedHosts();  // comma-separated host names
std::string Proxy();
std::string CaFile();
std::string Organization();
std::string Project();
std::string AuditKeyFile();
int MaxInFlight();            // 1..100000
int MaxAttempts();            // 1..100, for tasks that name none
Duration RequestTimeout();    // of one attempt, from dispatch
Duration FallbackInterval();  // between looks for rows that no commit announced
Duration StreamInterval();    // deltas are collected for so long
Duration Retention();         // of finished tasks; zero: for ever
Duration AuditRetention();    // of audit events; zero: for ever
int64_t MaxResponseSize();    // bytes
int64_t WorkerMemory();       // bytes
AuditContent AuditContentKept();
OnCopy WhenCopied();

// --- by a superuser, also per role
bool RequireUserId();

// --- by anyone, resolved at submit and stored with the task
std::string Model();
std::optional<double> Temperature();
std::optional<int64_t> MaxTokens();
std::string UserId();  // empty: none
Duration StreamIdleTimeout();

}  // namespace settings
}  // namespace capeai::pg
