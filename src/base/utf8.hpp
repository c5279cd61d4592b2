// UTF-8: validation, repair, and cutting on character boundaries.
// Source: RFC 3629 (no overlong forms, no surrogates, at most U+10FFFF).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace capeai::utf8 {

// Length in bytes (1..4) of the valid character at text[at], or 0.
size_t CharLength(std::string_view text, size_t at);

bool Valid(std::string_view text);

// Number of characters; each invalid byte counts as one.
size_t Length(std::string_view text);

// The longest prefix of at most `max_bytes` bytes that does not cut a character.
std::string_view Prefix(std::string_view text, size_t max_bytes);

// The longest prefix of at most `max_chars` characters.
std::string_view PrefixChars(std::string_view text, size_t max_chars);

// How many bytes at the end of `text` are the start of a character whose rest
// has not arrived (0..3). For cutting a stream on character boundaries.
size_t IncompleteTail(std::string_view text);

struct Repaired {
  std::string text;
  bool lossy = false;  // something was replaced
};

// Text that a UTF-8 database can store: U+0000 and invalid bytes become U+FFFD.
Repaired Repair(std::string_view text);

// Appends the UTF-8 form of `code_point`; an invalid one gives U+FFFD.
void Append(std::string& out, uint32_t code_point);

}  // namespace capeai::utf8
