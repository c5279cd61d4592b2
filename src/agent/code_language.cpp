// Which language a piece of code is in, by a few plain signs.
#include <algorithm>
#include <array>

#include "agent/format.hpp"
#include "openai/json.hpp"

namespace capeai {
namespace {

struct Sign {
  const char* language;
  const char* text;  // in lower case
  bool begins_line;  // or stands anywhere
};

// The first language with a sign wins, so the tell-tale ones come first.
constexpr Sign kSigns[] = {
    {"cpp", "#include", true},
    {"cpp", "std::", false},
    {"html", "<!doctype", true},
    {"html", "<html", true},
    {"html", "<div", true},
    {"xml", "<?xml", true},
    {"diff", "diff --git", true},
    {"bash", "#!/bin/", true},
    {"bash", "#!/usr/bin/env bash", true},
    {"python", "def ", true},
    {"python", "import ", true},
    {"python", "print(", true},
    {"go", "package ", true},
    {"go", "func ", true},
    {"rust", "fn ", true},
    {"rust", "let mut ", false},
    {"javascript", "const ", true},
    {"javascript", "let ", true},
    {"javascript", "function ", true},
    {"javascript", "console.log", false},
    {"javascript", "=> {", false},
    {"java", "public class ", true},
    {"sql", "select ", true},
    {"sql", "insert into ", true},
    {"sql", "update ", true},
    {"sql", "delete from ", true},
    {"sql", "create ", true},
    {"sql", "alter ", true},
    {"sql", "drop ", true},
    {"sql", "grant ", true},
    {"sql", "revoke ", true},
    {"sql", "with ", true},
    {"sql", "begin;", true},
    {"sql", "set ", true},
    {"sql", "show ", true},
    {"sql", "explain ", true},
    {"sql", "copy ", true},
    {"sql", "vacuum", true},
    {"sql", "listen ", true},
    {"sql", "call ", true},
    {"sql", "reindex ", true},
    {"bash", "$ ", true},
    {"bash", "sudo ", true},
    {"bash", "apt ", true},
    {"bash", "apt-get ", true},
    {"bash", "curl ", true},
    {"bash", "psql", true},
    {"bash", "pg_", true},
    {"bash", "make", true},
    {"bash", "cd ", true},
    {"bash", "export ", true},
    {"bash", "git ", true},
    {"bash", "docker ", true},
    {"bash", "npm ", true},
    {"bash", "pip ", true},
    {"bash", "systemctl ", true},
    {"bash", "echo ", true},
    {"bash", "ls", true},
    {"bash", "createdb", true},
};

std::string_view TrimLeft(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line;
}

// key = value lines or [section] headings throughout.
bool LooksLikeSettings(std::string_view code, char separator) {
  int hits = 0;
  for (size_t at = 0; at < code.size();) {
    const size_t end = std::min(code.find('\n', at), code.size());
    const std::string_view line = TrimLeft(code.substr(at, end - at));
    at = end + 1;
    if (line.empty() || line[0] == '#' || line[0] == ';' || (separator == '=' && line[0] == '[')) continue;
    const size_t name =
        line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (separator == ':' && line.substr(0, 2) == "- ") continue;
    if (name == line.npos || name == 0) return false;
    const std::string_view rest = TrimLeft(line.substr(name));
    if (rest.empty() || rest[0] != separator) return false;
    ++hits;
  }
  return hits > 0;
}

}  // namespace

std::string GuessLanguage(std::string_view code) {
  std::string lower(code);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return c < 0x80 ? static_cast<char>(tolower(c)) : static_cast<char>(c);
  });
  const std::string_view start = TrimLeft(lower);
  if (!start.empty() && (start[0] == '{' || start[0] == '[') && Json::Parse(code)) return "json";
  for (const Sign& sign : kSigns) {
    for (size_t at = lower.find(sign.text); at != lower.npos; at = lower.find(sign.text, at + 1)) {
      const size_t line = at == 0 ? 0 : lower.find_last_of('\n', at - 1) + 1;
      if (!sign.begins_line || TrimLeft(std::string_view(lower).substr(line, at - line)).empty())
        return sign.language;
    }
  }
  if (LooksLikeSettings(code, '=')) return "ini";
  if (LooksLikeSettings(code, ':')) return "yaml";
  return "text";
}

}  // namespace capeai
