// Check hooks of the settings whose values are more than a number in a range,
// and the keeping of the API key. Included by settings.cpp only, after guc.h.
// Hooks run inside PostgreSQL's own frames: they neither throw nor ereport.
#pragma once

namespace capeai::pg {

bool CheckBaseUrl(char** value, void** extra, GucSource source) noexcept;  // http(s)://host..., or empty
bool CheckHostList(char** value, void** extra, GucSource source) noexcept;
bool CheckHeaderValue(char** value, void** extra, GucSource source) noexcept;  // printable ASCII
bool CheckModel(char** value, void** extra, GucSource source) noexcept;        // 1..200 bytes
bool CheckUserId(char** value, void** extra, GucSource source) noexcept;       // at most 255 bytes
bool CheckTemperature(char** value, void** extra, GucSource source) noexcept;  // 0..2, or empty
bool CheckMaxTokens(char** value, void** extra, GucSource source) noexcept;    // 1..10000000, or empty

// The key never becomes the value of its setting, because a reload logs values
// that changed, and views show them: the check hook moves it aside and leaves ''.
// It accepts every value, because a refused one is logged too.
bool CheckApiKey(char** value, void** extra, GucSource source) noexcept;
void AssignApiKey(const char* value, void* extra) noexcept;
const char* ShowApiKey() noexcept;  // '(set)' or ''
const char* KeptApiKey() noexcept;  // nullptr when there is none

}  // namespace capeai::pg
