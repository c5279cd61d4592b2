#include "openai/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "openai/headers.hpp"

namespace capeai {
namespace {

constexpr std::string_view kMark = "[redacted]";
constexpr size_t kShortestPiece = 8;   // of the key, anywhere
constexpr size_t kShortestMasked = 4;  // of the key's start or end, next to a mask

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsLetter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool IsWordChar(char c) {
  return IsDigit(c) || IsLetter(c) || std::string_view("-_.*+~").find(c) != std::string_view::npos;
}

bool IsMaskAfter(std::string_view rest) {
  return rest.starts_with('*') || rest.starts_with("..") || rest.starts_with("\xE2\x80\xA6");
}
bool IsMaskBefore(std::string_view before) {
  return before.ends_with('*') || before.ends_with("..") || before.ends_with("\xE2\x80\xA6");
}

// How many characters at text[at] are part of the key.
size_t KeyPieceAt(std::string_view text, size_t at, std::string_view key) {
  size_t longest = 0;
  for (size_t k = 0; k < key.size(); ++k) {
    size_t n = 0;
    while (k + n < key.size() && at + n < text.size() && key[k + n] == text[at + n]) ++n;
    const bool whole = n == key.size() && n >= kShortestMasked;
    const bool piece = n >= kShortestPiece;
    const bool head = k == 0 && n >= kShortestMasked && IsMaskAfter(text.substr(at + n));
    const bool tail = k + n == key.size() && n >= kShortestMasked && IsMaskBefore(text.substr(0, at));
    if (whole || piece || head || tail) longest = std::max(longest, n);
  }
  return longest;
}

std::string RemoveKey(std::string_view text, std::string_view key) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t n = KeyPieceAt(text, i, key);
    if (n == 0) {
      out.push_back(text[i++]);
      continue;
    }
    out.append(kMark);
    i += n;
  }
  return out;
}

bool HasKeyPrefix(std::string_view word) {
  static constexpr std::array<std::string_view, 13> kPrefixes = {
      "sk-", "sk_", "pk-", "rk-", "gsk_", "xai-", "pplx-", "hf_", "nvapi-", "AIza", "ghp_", "r8_", "fw_"};
  constexpr size_t kShortestRest = 6;
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
    return word.starts_with(prefix) && word.size() >= prefix.size() + kShortestRest;
  });
}

// Identifiers that help to find a request at the provider.
bool IsRequestId(std::string_view word) {
  static constexpr std::array<std::string_view, 7> kPrefixes = {"req_",  "chatcmpl-", "gen-", "resp_",
                                                                "call_", "run_",      "msg_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return word.starts_with(prefix); });
}

// A long word with a long unbroken part that mixes letters and digits. Names of
// models and UUIDs have no such part.
bool LooksRandom(std::string_view word) {
  constexpr size_t kShortestWord = 32;
  constexpr size_t kShortestPart = 20;
  constexpr size_t kFewest = 3;
  if (word.size() < kShortestWord || IsRequestId(word)) return false;
  size_t letters = 0;
  size_t digits = 0;
  for (const char c : word) {
    if (!IsLetter(c) && !IsDigit(c)) {
      letters = digits = 0;
      continue;
    }
    (IsDigit(c) ? digits : letters)++;
    if (letters + digits >= kShortestPart && letters >= kFewest && digits >= kFewest) return true;
  }
  return false;
}

bool NamesSecret(std::string_view word) {
  static constexpr std::array<std::string_view, 9> kNames = {"api_key",       "api-key",  "apikey",
                                                             "x-api-key",     "key",      "access_token",
                                                             "authorization", "password", "secret"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](std::string_view name) { return EqualsIgnoreCase(word, name); });
}

bool IsScheme(std::string_view word) {
  return EqualsIgnoreCase(word, "bearer") || EqualsIgnoreCase(word, "basic");
}

// Goes through words and what stands between them, and knows whether the next
// word is announced as a secret.
std::string RemoveWords(std::string_view text) {
  std::string out;
  bool announced = false;  // the last word names a secret or a scheme
  bool scheme = false;     // it was a scheme: a blank is enough
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && !IsWordChar(text[end])) ++end;
    const std::string_view gap = text.substr(i, end - i);
    out.append(gap);
    const bool assigned = gap.find_first_of("=:") != std::string_view::npos && gap.size() <= 6;
    const bool secret = announced && (assigned || scheme);
    i = end;
    while (end < text.size() && IsWordChar(text[end])) ++end;
    std::string_view word = text.substr(i, end - i);
    i = end;
    if (word.empty()) break;
    const size_t last = word.find_last_not_of('.');
    const std::string_view core = word.substr(0, last == std::string_view::npos ? 0 : last + 1);
    scheme = IsScheme(core);
    announced = scheme || NamesSecret(core);
    const bool hide =
        !core.empty() && !scheme &&
        (secret || HasKeyPrefix(core) || core.find("***") != std::string_view::npos || LooksRandom(core));
    if (!hide) {
      out.append(word);
      continue;
    }
    out.append(kMark);
    out.append(word.substr(core.size()));
  }
  return out;
}

}  // namespace

std::string Redact(std::string_view text, std::string_view key) {
  return key.empty() ? RemoveWords(text) : RemoveWords(RemoveKey(text, key));
}

}  // namespace capeai
