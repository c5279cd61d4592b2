#include "pg/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "tsearch/ts_utils.h"
#include "utils/memutils.h"
}

#include "base/utf8.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/lexemes.hpp"

namespace capeai::pg {
namespace {

constexpr size_t kLongestWord = 2000;  // tsearch/ts_type.h: MAXSTRLEN is 2047

// `text` with a space in every run of more than kLongestWord other characters.
std::string BreakLongWords(std::string_view text) {
  std::string out;
  size_t run = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t n = std::max<size_t>(utf8::CharLength(text, i), 1);
    run = static_cast<unsigned char>(text[i]) <= ' ' ? 0 : run + n;
    if (run > kLongestWord) {
      out.push_back(' ');
      run = n;
    }
    out.append(text.substr(i, n));
    i += n;
  }
  return out;
}

// Owns nothing: `out` belongs to a frame that no longjmp crosses.
void CopyLexemesUnsafe(Oid config, char* text, int size, std::vector<std::string>& out) {
  ParsedText parsed = {};
  parsed.lenwords = size / 6 + 16;  // as to_tsvector guesses
  parsed.words = static_cast<ParsedWord*>(palloc(sizeof(ParsedWord) * static_cast<size_t>(parsed.lenwords)));
  parsetext(config, &parsed, text, size);
  const bool utf8 = DatabaseIsUtf8();
  for (int i = 0; i < parsed.curwords; ++i) {
    const ParsedWord& word = parsed.words[i];
    if (utf8) {
      out.emplace_back(word.word, word.len);
      continue;
    }
    out.emplace_back(pg_server_to_any(pnstrdup(word.word, word.len), word.len, PG_UTF8));
  }
}

}  // namespace

std::vector<std::string> Lexemes(Oid config, std::string_view text) {
  std::string stored = ToDatabase(text.size() > kLongestWord ? BreakLongWords(text) : std::string(text)).text;
  std::vector<std::string> lexemes;
  Guarded([&] {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "capeai lexemes", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    CopyLexemesUnsafe(config, stored.data(), static_cast<int>(stored.size()), lexemes);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
  });
  return lexemes;
}

}  // namespace capeai::pg
