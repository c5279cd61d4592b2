// Plain text: paragraphs between blank lines, list items, indented code, and
// headings that are underlined (===, ---, ~~~) or begin with "== " (AsciiDoc).
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/blocks.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

constexpr size_t kMaxUnderlinedBytes = 120;

// The character that `line` consists of, three times or more, or 0.
char Underline(std::string_view line) {
  line = Trim(line);
  if (line.size() < 3 || std::string_view("=-~^\"*#").find(line[0]) == std::string_view::npos) return 0;
  return line.find_first_not_of(line[0]) == std::string_view::npos ? line[0] : 0;
}

bool Indented(std::string_view line) { return line.starts_with("    ") || line.starts_with("\t"); }

// "- ", "* ", "3. ", "3) ": the length of the marker with its space, or 0.
size_t MarkerLength(std::string_view line) {
  if (line.size() > 2 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' ') return 2;
  const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  if (digits == 0 || digits > 9 || digits + 2 >= line.size()) return 0;
  return (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ' ? digits + 2 : 0;
}

class PlainParser {
 public:
  explicit PlainParser(std::string_view text) : lines_(Lines(text)) {
    for (const std::string_view line : lines_) all_indented_ &= IsBlank(line) || Indented(line);
  }

  Document Parse() {
    while (at_ < lines_.size()) {
      if (IsBlank(lines_[at_])) {
        ++at_;
      } else if (!Heading()) {
        if (Indented(lines_[at_]) && !all_indented_) {
          Code();
        } else {
          Prose();
        }
      }
    }
    return std::move(document_);
  }

 private:
  // A heading's level is the order in which its kind of underline first appeared.
  int LevelOf(char underline) {
    size_t level = underlines_.find(underline);
    if (level == std::string::npos) {
      level = underlines_.size();
      underlines_ += underline;
    }
    return static_cast<int>(level) + 1;
  }

  void Heading(int level, std::string_view text) {
    AddHeading(document_, level, text);
    if (document_.title.empty()) document_.title = CollapseSpace(text);
  }

  bool Underlined(size_t at) const {
    if (at + 1 >= lines_.size() || Underline(lines_[at]) != 0) return false;
    const std::string_view line = Trim(lines_[at]);
    if (line.empty() || line.size() > kMaxUnderlinedBytes || Underline(lines_[at + 1]) == 0) return false;
    return Trim(lines_[at + 1]).size() * 2 >= line.size();
  }

  bool Heading() {
    const std::string_view line = lines_[at_];
    if (Underline(line) != 0 && Underlined(at_ + 1) && Underline(lines_[at_ + 2]) == Underline(line)) {
      ++at_;  // overlined as well
      return Heading();
    }
    if (Underlined(at_)) {
      Heading(LevelOf(Underline(lines_[at_ + 1])), line);
      at_ += 2;
      return true;
    }
    const size_t equals = std::min(line.find_first_not_of('='), line.size());
    if (equals == 0 || equals > 5 || equals == line.size() || line[equals] != ' ' ||
        line.size() > kMaxUnderlinedBytes)
      return false;
    Heading(static_cast<int>(equals), line.substr(equals));
    ++at_;
    return true;
  }

  void Code() {
    std::string code;
    size_t blank = 0;
    for (; at_ < lines_.size() && (IsBlank(lines_[at_]) || Indented(lines_[at_])); ++at_) {
      if (IsBlank(lines_[at_])) {
        ++blank;
        continue;
      }
      code.append(code.empty() ? 0 : blank + 1, '\n');
      blank = 0;
      code += lines_[at_].substr(lines_[at_][0] == '\t' ? 1 : 4);
    }
    AddCode(document_, code, "");
  }

  void Prose() {
    const std::string_view first = Trim(lines_[at_]);
    const size_t marker = MarkerLength(first);
    std::string text(first.substr(marker));
    for (++at_; at_ < lines_.size() && !IsBlank(lines_[at_]) && !Underlined(at_); ++at_) {
      const std::string_view line = Trim(lines_[at_]);
      if (MarkerLength(line) > 0) break;
      text += ' ';
      text += line;
    }
    if (marker == 0) return AddParagraph(document_, text);
    const bool bullet = first[1] == ' ';
    AddListItem(document_, 1, bullet ? "-" : std::string(first.substr(0, marker - 2)) + ".", text);
  }

  std::vector<std::string_view> lines_;
  size_t at_ = 0;
  bool all_indented_ = true;
  std::string underlines_;
  Document document_;
};

}  // namespace

Document ParsePlain(std::string_view text) { return PlainParser(text).Parse(); }

}  // namespace capeai::knowledge
