// The database encoding. Everything above pg/ is UTF-8; the wall converts.
#pragma once

#include <string>
#include <string_view>

namespace capeai::pg {

// Whether texts pass unchanged: UTF8, and SQL_ASCII, which means "bytes".
bool DatabaseIsUtf8();

struct Stored {
  std::string text;
  bool lossy = false;  // something was replaced
};

// UTF-8 to what this database can store: U+0000, invalid bytes and characters
// that its encoding lacks are replaced (by U+FFFD, or '?' where there is none).
// Never raises, so that outside text cannot make a statement fail.
Stored ToDatabase(std::string utf8);

// Text of the database as valid UTF-8.
std::string FromDatabase(std::string_view text);

}  // namespace capeai::pg
