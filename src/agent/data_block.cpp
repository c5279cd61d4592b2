#include "agent/data_block.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace capeai {
namespace {

uint32_t Decode(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

bool Control(uint32_t c) { return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0); }

// Characters that a reader does not see and a model does.
bool Invisible(uint32_t c) {
  return c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0000 && c <= 0xE0FFF);
}

// The ASCII character that `c` can pass for, or 1.
char Skeleton(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  if (c >= 0xFF01 && c <= 0xFF5E) return Skeleton(c - 0xFF01 + 0x21);  // full width
  switch (c) {
    case 0x2039:
    case 0x27E8:
    case 0x3008:
    case 0xFE64:
    case 0x276E:
    case 0x2329:
      return '<';
    case 0x203A:
    case 0x27E9:
    case 0x3009:
    case 0xFE65:
    case 0x276F:
    case 0x232A:
      return '>';
    case 0x2223:
    case 0x01C0:
    case 0x2502:
      return '|';
    case 0x2215:
    case 0x2044:
    case 0x29F8:
      return '/';
    case 0xA0:
    case 0x202F:
    case 0x3000:
      return ' ';
    default:
      return 1;
  }
}

// Goes through the characters of a text that a reader of it would see.
class VisibleReader {
 public:
  explicit VisibleReader(std::string_view text) : text_(text) {}

  // All that comes before the next character that is not simply itself.
  std::string_view TakePlain() {
    const size_t from = at_;
    while (at_ < text_.size() && Plain(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }

  // The next one; false at the end.
  bool Next() {
    while (at_ < text_.size()) {
      const size_t length = utf8::CharLength(text_, at_);
      if (length == 0) {
        ++at_;
        return Show("\xEF\xBF\xBD", 0xFFFD);
      }
      const std::string_view character = text_.substr(at_, length);
      const uint32_t c = Decode(character);
      at_ += length;
      if (c == '\r') {
        if (at_ >= text_.size() || text_[at_] != '\n') return Show("\n", '\n');
      } else if (Control(c)) {
        return Show(" ", ' ');
      } else if (!Invisible(c)) {
        return Show(character, c);
      }
    }
    return false;
  }
  std::string_view character() const { return character_; }
  // What it looks like.
  char skeleton() const { return skeleton_; }

 private:
  // Stands for itself and begins no marker.
  static bool Plain(char c) {
    return (c >= ' ' && c < 0x7F && c != '<' && c != '[') || c == '\n' || c == '\t';
  }

  bool Show(std::string_view character, uint32_t c) {
    character_ = character;
    skeleton_ = Skeleton(c);
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string_view character_;
  char skeleton_ = 0;
};

// Whether what is read next is one of `known`.
template <size_t kCount>
bool ReadsOneOf(VisibleReader reader, const std::array<std::string_view, kCount>& known) {
  size_t longest = 0;
  for (const std::string_view one : known) longest = std::max(longest, one.size());
  std::string read;
  while (read.size() < longest && reader.Next()) read += reader.skeleton();
  return std::any_of(known.begin(), known.end(), [&](std::string_view one) { return read.starts_with(one); });
}

// Whether a delimiter of ours or a marker of a chat template is read next.
bool ReadsMarker(VisibleReader reader) {
  static constexpr std::array<std::string_view, 6> kNames = {"passage", "context",       "task-input",
                                                             "system>", "start_of_turn", "end_of_turn"};
  static constexpr std::array<std::string_view, 6> kMarkers = {"[inst]",    "[/inst]", "[system]",
                                                               "[/system]", "<|",      "<<sys>>"};
  if (ReadsOneOf(reader, kMarkers)) return true;
  if (!reader.Next() || reader.skeleton() != '<') return false;
  VisibleReader name = reader;
  while (reader.Next() && std::string_view("/ \t\n").find(reader.skeleton()) != std::string_view::npos)
    name = reader;
  return ReadsOneOf(name, kNames);
}

}  // namespace

std::string NeutralText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (VisibleReader reader(text);;) {
    out += reader.TakePlain();
    const VisibleReader here = reader;
    if (!reader.Next()) return out;
    const bool may_mark = reader.skeleton() == '<' || reader.skeleton() == '[';
    out += may_mark && ReadsMarker(here) ? std::string_view("(") : reader.character();
  }
}

std::string NeutralLine(std::string_view text) {
  std::string line;
  for (const char c : NeutralText(text)) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string FenceToken(const std::vector<std::string>& contents) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const std::string& content : contents)
    for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  for (;; hash = hash * 6364136223846793005u + 1442695040888963407u) {
    char token[9];
    snprintf(token, sizeof token, "%08x", static_cast<unsigned>(hash >> 32));
    const bool occurs = std::any_of(contents.begin(), contents.end(), [&](const std::string& content) {
      return content.find(token) != std::string::npos;
    });
    if (!occurs) return token;
  }
}

std::string DataBlock(std::string_view kind, std::string_view label, std::string_view token,
                      std::string_view content) {
  std::string name(kind);
  if (!label.empty()) name.append(" ").append(label);
  name.append(" ").append(token);
  std::string block = "<" + name + ">\n";
  block.append(content);
  if (block.back() != '\n') block += '\n';
  return block + "</" + name + ">";
}

}  // namespace capeai
