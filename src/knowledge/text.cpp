#include "knowledge/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace capeai::knowledge {
namespace {

using Byte = unsigned char;

bool AsciiLetter(Byte c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool AsciiDigit(Byte c) { return c >= '0' && c <= '9'; }
bool AsciiUpper(Byte c) { return c >= 'A' && c <= 'Z'; }
bool AsciiSpace(Byte c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The character at text[at] and its length in bytes; an invalid byte is itself.
struct Char {
  uint32_t code;
  size_t length;
};

Char At(std::string_view text, size_t at) {
  const size_t n = utf8::CharLength(text, at);
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<Byte>(text[at + i])); };
  switch (n) {
    case 2:
      return {(byte(0) & 0x1F) << 6 | (byte(1) & 0x3F), 2};
    case 3:
      return {(byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
    case 4:
      return {(byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
    default:
      return {byte(0), 1};
  }
}

bool WideSpace(uint32_t c) {
  return c == 0xA0 || (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x3000 || c == 0xFEFF;
}

bool WidePunctuation(uint32_t c) {
  return c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2010 && c <= 0x206F) || (c >= 0x20A0 && c <= 0x20CF) ||
         (c >= 0x2190 && c <= 0x2BFF) || (c >= 0x3000 && c <= 0x303F) || (c >= 0xFF00 && c <= 0xFF0F) ||
         (c >= 0xFF1A && c <= 0xFF20) || c == 0xFFFD || (c >= 0x1F000 && c <= 0x1FAFF);
}

bool WordChar(Char c) {
  if (c.code < 0x80)
    return AsciiLetter(static_cast<Byte>(c.code)) || AsciiDigit(static_cast<Byte>(c.code)) || c.code == '_';
  return c.length > 1 && !WideSpace(c.code) && !WidePunctuation(c.code);
}

template <size_t N>
bool OneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What the word before a full stop says about it.
enum class Stop { kEnds, kNever, kUnlessCapital, kNotBeforeDigit };

Stop StopAfter(std::string_view word) {
  static constexpr std::array<std::string_view, 19> kNever = {
      "e.g", "i.e", "cf",  "vs",  "dr",  "mr", "mrs", "ms",     "prof", "st",
      "z.b", "d.h", "u.a", "bzw", "vgl", "ca", "viz", "approx", "resp"};
  static constexpr std::array<std::string_view, 7> kUnlessCapital = {"etc", "al",  "inc", "ltd",
                                                                     "co",  "usw", "jr"};
  static constexpr std::array<std::string_view, 11> kBeforeDigit = {"no",   "nr", "fig", "eq",  "sec", "vol",
                                                                    "chap", "p",  "pp",  "ver", "v"};
  if (word.size() > 8) return Stop::kEnds;
  const std::string lower = LowerAscii(word);
  if (OneOf(lower, kNever)) return Stop::kNever;
  if (OneOf(lower, kUnlessCapital)) return Stop::kUnlessCapital;
  if (OneOf(lower, kBeforeDigit)) return Stop::kNotBeforeDigit;
  if (word.size() == 1 && AsciiUpper(static_cast<Byte>(word[0]))) return Stop::kNever;  // an initial
  return Stop::kEnds;
}

// The word that ends at `stop`, inner full stops included ("e.g").
std::string_view WordBefore(std::string_view text, size_t begin, size_t stop) {
  size_t from = stop;
  while (from > begin && stop - from < 12) {
    const Byte c = static_cast<Byte>(text[from - 1]);
    if (!AsciiLetter(c) && !AsciiDigit(c) && c != '.' && c < 0x80) break;
    --from;
  }
  return text.substr(from, stop - from);
}

bool BeginsListItem(std::string_view line) {
  if (line.size() >= 2 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' ') return true;
  size_t digits = 0;
  while (digits < line.size() && digits < 9 && AsciiDigit(static_cast<Byte>(line[digits]))) ++digits;
  return digits > 0 && line.size() > digits + 1 && (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

// Whether a sentence can begin at text[at] after a full stop.
bool CanBegin(std::string_view text, size_t at) {
  const Byte c = static_cast<Byte>(text[at]);
  if (c >= 'a' && c <= 'z') {  // names such as pg_dump begin sentences in lower case
    for (size_t i = at; i < text.size() && !AsciiSpace(static_cast<Byte>(text[i])); ++i)
      if (text[i] == '_') return true;
    return false;
  }
  return c != ',' && c != ';' && c != ':' && c != '.' && c != ')' && c != '=';
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    const size_t n = SpaceLength(text, at);
    if (n == 0) break;
    at += n;
  }
  return at;
}

// Past closing quotes, brackets and more terminators at `at`; at most 32, which
// keeps "!!!!..." linear.
size_t SkipClosers(std::string_view text, size_t at) {
  static constexpr std::string_view kAscii = ".!?)]\"'";
  for (int n = 0; n < 32 && at < text.size(); ++n) {
    const Char c = At(text, at);
    const bool closes = c.code < 0x80
                            ? kAscii.find(static_cast<char>(c.code)) != std::string_view::npos
                            : c.code == 0x201D || c.code == 0x2019 || c.code == 0xBB || c.code == 0x300D;
    if (!closes) break;
    at += c.length;
  }
  return at;
}

// Where the sentence that holds the terminator at `at` ends, or 0 if it goes on.
size_t EndAt(std::string_view text, size_t begin, size_t at, Char c) {
  const bool wide = c.code == 0x3002 || c.code == 0xFF01 || c.code == 0xFF1F;
  if (!wide && c.code != '.' && c.code != '!' && c.code != '?') return 0;
  const size_t end = SkipClosers(text, at + c.length);
  if (wide) return end;
  if (end < text.size() && SpaceLength(text, end) == 0) return 0;
  const size_t next = SkipSpace(text, end);
  if (next == text.size()) return end;
  if (!CanBegin(text, next)) return 0;
  if (c.code != '.') return end;
  const std::string_view word = WordBefore(text, begin, at);
  const bool number = !word.empty() && std::all_of(word.begin(), word.end(),
                                                   [](char d) { return AsciiDigit(static_cast<Byte>(d)); });
  if (number && Trim(text.substr(begin, at - begin)) == word) return 0;  // "1. Do this"
  switch (StopAfter(word)) {
    case Stop::kNever:
      return 0;
    case Stop::kUnlessCapital:
      return AsciiUpper(static_cast<Byte>(text[next])) ? end : 0;
    case Stop::kNotBeforeDigit:
      return AsciiDigit(static_cast<Byte>(text[next])) ? 0 : end;
    case Stop::kEnds:
      return end;
  }
  return end;
}

// Past the closing backtick when text[at] opens `code`, else one further.
size_t SkipCode(std::string_view text, size_t at) {
  const std::string_view near = text.substr(at + 1, 200);
  const size_t close = near.find('`');
  return close == std::string_view::npos ? at + 1 : at + close + 2;
}

}  // namespace

size_t SpaceLength(std::string_view text, size_t at) {
  const Byte c = static_cast<Byte>(text[at]);
  if (c < 0x80) return AsciiSpace(c) ? 1 : 0;
  const Char wide = At(text, at);
  return wide.length > 1 && WideSpace(wide.code) ? wide.length : 0;
}

bool IsBlank(std::string_view text) { return SkipSpace(text, 0) == text.size(); }

std::string_view Trim(std::string_view text) {
  text.remove_prefix(SkipSpace(text, 0));
  while (!text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && text.size() - last < 4 && (static_cast<Byte>(text[last]) & 0xC0) == 0x80) --last;
    const size_t n = SpaceLength(text, last);
    if (n == 0 || last + n != text.size()) break;
    text.remove_suffix(n);
  }
  return text;
}

std::string CollapseSpace(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = SkipSpace(text, 0); i < text.size();) {
    const size_t n = SpaceLength(text, i);
    if (n == 0) {
      out += text[i++];
      continue;
    }
    i = SkipSpace(text, i + n);
    if (i < text.size()) out += ' ';
  }
  return out;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = std::string_view::npos;
  for (size_t i = 0; i < text.size();) {
    const Char c = At(text, i);
    if (WordChar(c)) {
      if (begin == std::string_view::npos) begin = i;
    } else if (begin != std::string_view::npos) {
      words.push_back(text.substr(begin, i - begin));
      begin = std::string_view::npos;
    }
    i += c.length;
  }
  if (begin != std::string_view::npos) words.push_back(text.substr(begin));
  return words;
}

std::vector<std::string_view> Sentences(std::string_view text) {
  std::vector<std::string_view> sentences;
  size_t begin = SkipSpace(text, 0);
  const auto finish = [&](size_t end) {
    const std::string_view sentence = Trim(text.substr(begin, end - begin));
    if (!sentence.empty()) sentences.push_back(sentence);
    begin = end;
  };
  for (size_t i = begin; i < text.size();) {
    if (text[i] == '`') {
      i = SkipCode(text, i);
      continue;
    }
    const Char c = At(text, i);
    if (c.code == '\n') {
      const size_t next = SkipSpace(text, i);
      const std::string_view gap = text.substr(i, next - i);
      if (std::count(gap.begin(), gap.end(), '\n') > 1 || BeginsListItem(text.substr(next))) finish(next);
      i = next;
    } else if (const size_t end = EndAt(text, begin, i, c); end > 0) {
      finish(end);
      i = end;
    } else {
      i += c.length;
    }
  }
  finish(text.size());
  return sentences;
}

int EstimateTokens(std::string_view text) {
  size_t tokens = 0, letters = 0, digits = 0, middle = 0;
  const auto flush = [&] {
    tokens += (letters + 5) / 6 + (digits + 2) / 3 + (middle + 1) / 2;
    letters = digits = middle = 0;
  };
  for (size_t i = 0; i < text.size();) {
    const Char c = At(text, i);
    const Byte b = static_cast<Byte>(c.code);
    if (c.code < 0x80 && AsciiLetter(b)) {
      if (digits + middle > 0) flush();
      ++letters;
    } else if (c.code < 0x80 && AsciiDigit(b)) {
      if (letters + middle > 0) flush();
      ++digits;
    } else if (c.code >= 0x80 && c.code < 0x800 && !WideSpace(c.code)) {
      if (letters + digits > 0) flush();
      ++middle;
    } else {
      flush();
      if (SpaceLength(text, i) == 0) ++tokens;
    }
    i += c.length;
  }
  flush();
  return static_cast<int>(tokens);
}

std::string LowerAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (AsciiUpper(static_cast<Byte>(c))) c = static_cast<char>(c | 0x20);
  return out;
}

}  // namespace capeai::knowledge
