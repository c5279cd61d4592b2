#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "mb/pg_wchar.h"
}

#include <algorithm>

#include "base/utf8.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"

namespace capeai::pg {
namespace {

// One run of UTF-8 in the database encoding, or false if it has no such
// character. Works on a copy, because conversion may return its input.
bool Convert(std::string_view utf8, std::string& out) {
  try {
    struct Piece {
      char* data;
      size_t size;
    };
    const Piece piece = Guarded([&] {
      char* in = pnstrdup(utf8.data(), utf8.size());
      char* converted = pg_any_to_server(in, static_cast<int>(utf8.size()), PG_UTF8);
      return Piece{converted, strlen(converted)};
    });
    out.append(piece.data, piece.size);
    return true;
  } catch (const PgError&) {
    return false;
  }
}

}  // namespace

bool DatabaseIsUtf8() {
  const int encoding = GetDatabaseEncoding();
  return encoding == PG_UTF8 || encoding == PG_SQL_ASCII;
}

Stored ToDatabase(std::string utf8) {
  Stored out{std::move(utf8)};
  if (!utf8::Valid(out.text) || out.text.find('\0') != std::string::npos) {
    utf8::Repaired repaired = utf8::Repair(out.text);
    out = {std::move(repaired.text), repaired.lossy};
  }
  if (DatabaseIsUtf8()) return out;
  std::string whole;
  if (Convert(out.text, whole)) return {std::move(whole), out.lossy};
  // Some character is missing there: find which, one by one.
  Stored piecewise{"", true};
  for (size_t i = 0; i < out.text.size();) {
    const size_t n = utf8::CharLength(out.text, i);
    if (!Convert(std::string_view(out.text).substr(i, n), piecewise.text)) piecewise.text += '?';
    i += n;
  }
  return piecewise;
}

std::string FromDatabase(std::string_view text) {
  if (DatabaseIsUtf8()) return utf8::Valid(text) ? std::string(text) : utf8::Repair(text).text;
  // Every encoding of a server has ASCII in it; and conversions need a transaction, which a
  // process that reads its settings does not have.
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
  if (ascii || !IsTransactionState()) return utf8::Repair(text).text;
  struct Piece {
    char* data;
    size_t size;
  };
  const Piece piece = Guarded([&] {
    char* in = pnstrdup(text.data(), text.size());
    char* converted = pg_server_to_any(in, static_cast<int>(text.size()), PG_UTF8);
    return Piece{converted, converted == in ? text.size() : strlen(converted)};
  });
  return utf8::Repair(std::string_view(piece.data, piece.size)).text;
}

}  // namespace capeai::pg
