// One table of settings, and functions that read them. What each means stands in
// docs/settings.md; who may change it, in its context.
#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <climits>
#include <cstdlib>
#include <variant>

#include "pg/encoding.hpp"
#include "pg/settings.hpp"
#include "pg/settings_check.hpp"

namespace capeai::pg {
namespace {

// Where PostgreSQL keeps the values. Plain data: set before anything of ours runs.
struct Values {
  bool enabled, require_user_id;
  int max_workers, max_in_flight_total, max_in_flight, max_attempts;
  int request_timeout, fallback_interval, stream_interval, stream_idle_timeout;  // ms
  int retention, audit_retention;                                                // s
  int max_response_size;                                                         // kB
  int worker_memory;                                                             // MB
  int audit_content, on_copy;
  char *allowed_hosts, *api_key, *api_key_file, *audit_key_file, *base_url, *ca_file, *max_tokens, *model,
      *organization, *project, *proxy, *temperature, *user_id;
} values;

const config_enum_entry kAuditContents[] = {{"full", static_cast<int>(settings::AuditContent::kFull), false},
                                            {"hash", static_cast<int>(settings::AuditContent::kHash), false},
                                            {"none", static_cast<int>(settings::AuditContent::kNone), false},
                                            {nullptr, 0, false}};
const config_enum_entry kOnCopy[] = {{"wait", static_cast<int>(settings::OnCopy::kWait), false},
                                     {"run", static_cast<int>(settings::OnCopy::kRun), false},
                                     {nullptr, 0, false}};

struct Flag {
  bool* value;
  bool boot;
};
struct Number {
  int* value;
  int boot, min, max;
};
struct Text {
  char** value;
  const char* boot;
  GucStringCheckHook check;
};
struct Choice {
  int* value;
  int boot;
  const config_enum_entry* options;
};

struct Setting {
  const char* name;
  std::variant<Flag, Number, Text, Choice> kind;
  GucContext context;
  int flags;
  const char* description;
};

constexpr int kSecret = GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE;
constexpr int kMegabyte = 1024;  // in kB

const Setting kSettings[] = {
    {"capeai.allowed_hosts", Text{&values.allowed_hosts, "", CheckHostList}, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
     "Host names that may resolve to private addresses, separated by commas."},
    {"capeai.api_key", Text{&values.api_key, "", CheckApiKey}, PGC_SIGHUP, kSecret,
     "The key for the model's server; better kept in capeai.api_key_file."},
    {"capeai.api_key_file", Text{&values.api_key_file, "", nullptr}, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
     "The file that holds the key for the model's server."},
    {"capeai.audit_content", Choice{&values.audit_content, 0, kAuditContents}, PGC_SIGHUP, 0,
     "How much of what people wrote is kept in the audit trail and with finished tasks."},
    {"capeai.audit_key_file", Text{&values.audit_key_file, "", nullptr}, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
     "The file that holds the key for the seals of the audit trail."},
    {"capeai.audit_retention", Number{&values.audit_retention, 0, 0, INT_MAX}, PGC_SIGHUP, GUC_UNIT_S,
     "Audit events older than this are deleted; 0 keeps them for ever."},
    {"capeai.base_url", Text{&values.base_url, "", CheckBaseUrl}, PGC_SIGHUP, 0,
     "Where the model's server is; empty for https://api.openai.com/v1."},
    {"capeai.ca_file", Text{&values.ca_file, "", nullptr}, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
     "The file of certificate authorities to trust; empty for the system's."},
    {"capeai.enabled", Flag{&values.enabled, true}, PGC_SIGHUP, 0, "Whether workers run tasks."},
    {"capeai.fallback_interval", Number{&values.fallback_interval, 5000, 100, 3600000}, PGC_SIGHUP,
     GUC_UNIT_MS, "How often the worker looks for tasks that no commit announced."},
    {"capeai.max_attempts", Number{&values.max_attempts, 3, 1, 100}, PGC_SIGHUP, 0,
     "How often a task that names no number of its own is tried."},
    {"capeai.max_in_flight", Number{&values.max_in_flight, 1000, 1, 100000}, PGC_SIGHUP, 0,
     "How many tasks of one database run at the same time."},
    {"capeai.max_in_flight_total", Number{&values.max_in_flight_total, 10000, 1, 1000000}, PGC_POSTMASTER, 0,
     "How many tasks of all databases run at the same time."},
    {"capeai.max_response_size", Number{&values.max_response_size, 16 * kMegabyte, 64, 256 * kMegabyte},
     PGC_SIGHUP, GUC_UNIT_KB, "A response of the model's server that is larger fails."},
    {"capeai.max_tokens", Text{&values.max_tokens, "", CheckMaxTokens}, PGC_USERSET, 0,
     "How many tokens an answer may have; empty for the agent's own limit."},
    {"capeai.max_workers", Number{&values.max_workers, 4, 1, 64}, PGC_POSTMASTER, 0,
     "How many databases are served at the same time."},
    {"capeai.model", Text{&values.model, "gpt-4o-mini", CheckModel}, PGC_USERSET, 0,
     "The model for agents that name none."},
    {"capeai.on_copy", Choice{&values.on_copy, 0, kOnCopy}, PGC_SIGHUP, 0,
     "Whether tasks that came with a copy of a database wait for capeai_adopt_tasks() or run."},
    {"capeai.organization", Text{&values.organization, "", CheckHeaderValue}, PGC_SIGHUP, 0,
     "Value of the header OpenAI-Organization."},
    {"capeai.project", Text{&values.project, "", CheckHeaderValue}, PGC_SIGHUP, 0,
     "Value of the header OpenAI-Project."},
    {"capeai.proxy", Text{&values.proxy, "", nullptr}, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
     "The proxy for requests to the model's server; empty for none."},
    {"capeai.request_timeout", Number{&values.request_timeout, 120000, 100, INT_MAX}, PGC_SIGHUP, GUC_UNIT_MS,
     "How long one request to the model's server may take."},
    {"capeai.require_user_id", Flag{&values.require_user_id, false}, PGC_SUSET, 0,
     "Whether capeai.user_id must be set, and confines what is seen to that user."},
    {"capeai.retention", Number{&values.retention, 0, 0, INT_MAX}, PGC_SIGHUP, GUC_UNIT_S,
     "Tasks that ended longer ago than this are deleted; 0 keeps them for ever."},
    {"capeai.stream_idle_timeout", Number{&values.stream_idle_timeout, 60000, 100, INT_MAX}, PGC_USERSET,
     GUC_UNIT_MS, "A stream that nobody reads from for this long is dropped."},
    {"capeai.stream_interval", Number{&values.stream_interval, 50, 1, 60000}, PGC_SIGHUP, GUC_UNIT_MS,
     "How often, at most, the text of streams is sent to listeners."},
    {"capeai.temperature", Text{&values.temperature, "", CheckTemperature}, PGC_USERSET, 0,
     "Sampling temperature from 0 to 2; empty for the agent's own."},
    {"capeai.user_id", Text{&values.user_id, "", CheckUserId}, PGC_USERSET, 0,
     "The application's own name for the user on whose behalf it works."},
    {"capeai.worker_memory", Number{&values.worker_memory, 512, 16, 1024 * 1024}, PGC_SIGHUP, GUC_UNIT_MB,
     "How much memory a worker uses for responses before it reads more slowly."},
};

struct Define {
  const Setting& s;
  GucContext context;

  void operator()(const Flag& k) const {
    DefineCustomBoolVariable(s.name, s.description, nullptr, k.value, k.boot, context, s.flags, nullptr,
                             nullptr, nullptr);
  }
  void operator()(const Number& k) const {
    DefineCustomIntVariable(s.name, s.description, nullptr, k.value, k.boot, k.min, k.max, context, s.flags,
                            nullptr, nullptr, nullptr);
  }
  void operator()(const Text& k) const {
    const bool key = k.check == CheckApiKey;
    DefineCustomStringVariable(s.name, s.description, nullptr, k.value, k.boot, context, s.flags, k.check,
                               key ? AssignApiKey : nullptr, key ? ShowApiKey : nullptr);
  }
  void operator()(const Choice& k) const {
    DefineCustomEnumVariable(s.name, s.description, nullptr, k.value, k.boot, k.options, context, s.flags,
                             nullptr, nullptr, nullptr);
  }
};

std::string Plain(const char* value) { return value ? std::string(value) : std::string(); }
std::string Utf8(const char* value) { return value && *value ? FromDatabase(value) : std::string(); }
Duration FromMillis(int ms) { return std::chrono::milliseconds(ms); }

}  // namespace

void RegisterSettings() {
  for (const Setting& setting : kSettings) {
    GucContext context = setting.context;
    if (context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress) context = PGC_SIGHUP;
    std::visit(Define{setting, context}, setting.kind);
  }
  MarkGUCPrefixReserved("capeai");
}

namespace settings {

std::vector<SettingValue> AllValues() {
  struct ValueOf {
    std::string operator()(const Flag& k) const { return *k.value ? "on" : "off"; }
    std::string operator()(const Number& k) const { return std::to_string(*k.value); }
    std::string operator()(const Text& k) const { return k.check == CheckApiKey ? ApiKey() : Utf8(*k.value); }
    std::string operator()(const Choice& k) const {
      for (const config_enum_entry* option = k.options; option->name; ++option)
        if (option->val == *k.value) return option->name;
      return "";
    }
  };
  std::vector<SettingValue> out;
  for (const Setting& setting : kSettings)
    out.push_back(
        {setting.name, std::visit(ValueOf{}, setting.kind), (setting.flags & GUC_SUPERUSER_ONLY) != 0});
  return out;
}

int MaxWorkers() { return values.max_workers; }
int MaxInFlightTotal() { return values.max_in_flight_total; }
bool Enabled() { return values.enabled; }
std::string BaseUrl() {
  std::string url = Plain(values.base_url);
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}
std::string ApiKey() { return Plain(KeptApiKey()); }
std::string ApiKeyFile() { return Plain(values.api_key_file); }
std::string AllowedHosts() { return Plain(values.allowed_hosts); }
std::string Proxy() { return Plain(values.proxy); }
std::string CaFile() { return Plain(values.ca_file); }
std::string Organization() { return Plain(values.organization); }
std::string Project() { return Plain(values.project); }
std::string AuditKeyFile() { return Plain(values.audit_key_file); }
int MaxInFlight() { return values.max_in_flight; }
int MaxAttempts() { return values.max_attempts; }
Duration RequestTimeout() { return FromMillis(values.request_timeout); }
Duration FallbackInterval() { return FromMillis(values.fallback_interval); }
Duration StreamInterval() { return FromMillis(values.stream_interval); }
Duration Retention() { return std::chrono::seconds(values.retention); }
Duration AuditRetention() { return std::chrono::seconds(values.audit_retention); }
int64_t MaxResponseSize() { return int64_t{values.max_response_size} * 1024; }
int64_t WorkerMemory() { return int64_t{values.worker_memory} * 1024 * 1024; }
AuditContent AuditContentKept() { return static_cast<AuditContent>(values.audit_content); }
OnCopy WhenCopied() { return static_cast<OnCopy>(values.on_copy); }
bool RequireUserId() { return values.require_user_id; }
std::string Model() { return Utf8(values.model); }
std::optional<double> Temperature() {
  if (!values.temperature || !*values.temperature) return std::nullopt;
  return std::strtod(values.temperature, nullptr);
}
std::optional<int64_t> MaxTokens() {
  if (!values.max_tokens || !*values.max_tokens) return std::nullopt;
  return std::strtoll(values.max_tokens, nullptr, 10);
}
std::string UserId() { return Utf8(values.user_id); }
Duration StreamIdleTimeout() { return FromMillis(values.stream_idle_timeout); }

}  // namespace settings
}  // namespace capeai::pg
