#include "knowledge/identifiers.hpp"

#include <algorithm>
#include <vector>

namespace capeai::knowledge {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || IsUpper(c) || static_cast<unsigned char>(c) >= 0x80;
}
bool IsWord(char c) { return IsLetter(c) || IsDigit(c); }
bool IsJoint(char c) { return c == '.' || c == '/'; }

// Whether a new part begins at word[at], at > 0: "aB", or the B of "ABc".
bool CaseChanges(std::string_view word, size_t at) {
  if (!IsUpper(word[at])) return false;
  if (!IsUpper(word[at - 1])) return true;
  return at + 1 < word.size() && IsLetter(word[at + 1]) && !IsUpper(word[at + 1]);
}

void SplitByCase(std::string_view word, std::vector<std::string_view>& parts) {
  size_t begin = 0;
  for (size_t i = 1; i <= word.size(); ++i) {
    if (i < word.size() && !CaseChanges(word, i)) continue;
    parts.push_back(word.substr(begin, i - begin));
    begin = i;
  }
}

// The end of the run of words and single joints that begins at text[begin].
size_t RunEnd(std::string_view text, size_t begin) {
  size_t i = begin;
  while (i < text.size()) {
    const bool joins = IsJoint(text[i]) && i + 1 < text.size() && IsWord(text[i + 1]);
    if (!IsWord(text[i]) && !joins) break;
    ++i;
  }
  return i;
}

}  // namespace

std::string IdentifierParts(std::string_view text) {
  std::string out;
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < text.size();) {
    if (!IsWord(text[i])) {
      ++i;
      continue;
    }
    const size_t end = RunEnd(text, i);
    parts.clear();
    while (i < end) {
      size_t word_end = i;
      while (word_end < end && IsWord(text[word_end])) ++word_end;
      if (word_end > i) SplitByCase(text.substr(i, word_end - i), parts);
      i = std::max(word_end, i + 1);
    }
    if (parts.size() < 2) continue;
    for (const std::string_view part : parts) {
      if (part.size() < 2 || std::none_of(part.begin(), part.end(), IsLetter)) continue;
      out.append(part);
      out.push_back(' ');
    }
  }
  return out;
}

}  // namespace capeai::knowledge
