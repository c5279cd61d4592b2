#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/settings_check.hpp"

namespace capeai::pg {
namespace {

constexpr size_t kMaxModelBytes = 200;
constexpr size_t kMaxUserIdBytes = 255;
constexpr long long kMaxTokensLimit = 10000000;

// Lives in memory that PostgreSQL's settings own; replaced by the assign hook.
const char* api_key = nullptr;

bool HasControl(const char* text) {
  for (; *text; ++text)
    if (static_cast<unsigned char>(*text) < 0x20 || *text == 0x7f) return true;
  return false;
}

bool IsPrintableAscii(const char* text) {
  for (; *text; ++text)
    if (*text < 0x20 || *text > 0x7e) return false;
  return true;
}

}  // namespace

bool CheckBaseUrl(char** value, void**, GucSource) noexcept {
  const char* url = *value;
  if (!url || !*url) return true;
  const char* host = nullptr;
  if (pg_strncasecmp(url, "http://", 7) == 0) host = url + 7;
  if (pg_strncasecmp(url, "https://", 8) == 0) host = url + 8;
  if (!host || !*host || *host == '/' || *host == ':') {
    GUC_check_errdetail("It must begin with http:// or https:// and a host.");
    return false;
  }
  if (!IsPrintableAscii(url) || strpbrk(url, " ?#@\\\"<>")) {
    GUC_check_errdetail("It must not contain spaces, a user name, a query or a fragment.");
    return false;
  }
  return true;
}

bool CheckHostList(char** value, void**, GucSource) noexcept {
  if (!*value || (IsPrintableAscii(*value) && !strpbrk(*value, "/:@"))) return true;
  GUC_check_errdetail("It must be a list of host names, separated by commas.");
  return false;
}

bool CheckHeaderValue(char** value, void**, GucSource) noexcept {
  if (!*value || IsPrintableAscii(*value)) return true;
  GUC_check_errdetail("It must consist of printable ASCII characters.");
  return false;
}

bool CheckModel(char** value, void**, GucSource) noexcept {
  const char* model = *value;
  if (model && *model && strlen(model) <= kMaxModelBytes && !HasControl(model)) return true;
  GUC_check_errdetail("It must have 1 to %d bytes and no control characters.",
                      static_cast<int>(kMaxModelBytes));
  return false;
}

bool CheckUserId(char** value, void**, GucSource) noexcept {
  if (!*value || (strlen(*value) <= kMaxUserIdBytes && !HasControl(*value))) return true;
  GUC_check_errdetail("It must have at most %d bytes and no control characters.",
                      static_cast<int>(kMaxUserIdBytes));
  return false;
}

bool CheckTemperature(char** value, void**, GucSource) noexcept {
  if (!*value || !**value) return true;
  char* end = nullptr;
  const double t = std::strtod(*value, &end);
  if (end != *value && *end == '\0' && std::isfinite(t) && t >= 0 && t <= 2) return true;
  GUC_check_errdetail("It must be a number from 0 to 2, or empty.");
  return false;
}

bool CheckMaxTokens(char** value, void**, GucSource) noexcept {
  if (!*value || !**value) return true;
  char* end = nullptr;
  const long long n = std::strtoll(*value, &end, 10);
  if (end != *value && *end == '\0' && n >= 1 && n <= kMaxTokensLimit) return true;
  GUC_check_errdetail("It must be a whole number from 1 to %lld, or empty.", kMaxTokensLimit);
  return false;
}

bool CheckApiKey(char** value, void** extra, GucSource) noexcept {
  if (!*value || !**value) return true;
  const size_t size = strlen(*value) + 1;
  char* kept = static_cast<char*>(GucAlloc(size));
  char* shown = static_cast<char*>(GucAlloc(1));
  if (!kept || !shown) {
    // Out of memory: no key is better than a key in the log.
    GucFree(kept);
    GucFree(shown);
    memset(*value, 0, size - 1);
    return true;
  }
  memcpy(kept, *value, size);
  *shown = '\0';
  memset(*value, 0, size - 1);
  GucFree(*value);
  *value = shown;
  *extra = kept;
  return true;
}

void AssignApiKey(const char*, void* extra) noexcept { api_key = static_cast<const char*>(extra); }

const char* ShowApiKey() noexcept { return api_key ? "(set)" : ""; }

const char* KeptApiKey() noexcept { return api_key; }

}  // namespace capeai::pg
