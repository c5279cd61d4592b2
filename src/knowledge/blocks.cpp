#include "knowledge/blocks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// A label that a note's box puts on a line of its own.
bool IsLabel(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kLabels = {
      "Note:", "Tip:", "Caution:", "Warning:", "Important:", "Hint:"};
  return std::find(kLabels.begin(), kLabels.end(), text) != kLabels.end();
}

}  // namespace

void AddHeading(Document& document, int level, std::string_view text) {
  std::string line = CollapseSpace(text);
  if (line.empty()) return;
  if (line.size() > kMaxHeadingBytes) return AddParagraph(document, line);
  document.blocks.push_back({BlockKind::kHeading, std::move(line), std::clamp(level, 1, 6), {}, {}, 0});
}

void AddTerm(Document& document, int level, std::string_view text) {
  std::string line = CollapseSpace(text);
  if (line.empty()) return;
  if (line.size() > kMaxHeadingBytes || level > kMaxTermLevel) return AddParagraph(document, line);
  if (!document.blocks.empty()) {
    Block& last = document.blocks.back();
    if (last.kind == BlockKind::kTerm && last.level == level &&
        last.text.size() + line.size() <= kMaxHeadingBytes) {
      last.text += ", " + line;
      return;
    }
  }
  document.blocks.push_back({BlockKind::kTerm, std::move(line), level, {}, {}, 0});
}

void AddParagraph(Document& document, std::string_view text, int level) {
  std::string line = CollapseSpace(text);
  if (line.empty()) return;
  if (!document.blocks.empty()) {
    Block& last = document.blocks.back();
    if (last.kind == BlockKind::kParagraph && IsLabel(last.text)) {
      last.text += " " + line;
      return;
    }
  }
  document.blocks.push_back(
      {BlockKind::kParagraph, std::move(line), std::min(level, kMaxListLevel), {}, {}, 0});
}

void AddListItem(Document& document, int level, std::string_view marker, std::string_view text) {
  std::string line = CollapseSpace(text);
  if (line.empty()) return;
  document.blocks.push_back({BlockKind::kListItem,
                             std::move(line),
                             std::clamp(level, 1, kMaxListLevel),
                             std::string(marker),
                             {},
                             0});
}

void AddLink(Document& document, std::string_view href, std::string_view text) {
  std::string line = CollapseSpace(text);
  if (line.empty() || line == href) return;
  document.links.push_back({std::string(href), std::move(line)});
}

void AddCode(Document& document, std::string_view text, std::string_view language) {
  size_t begin = 0;  // whole blank lines only: the first line's indentation stays
  for (size_t end; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1)
    if (!IsBlank(text.substr(begin, end - begin))) break;
  text.remove_prefix(begin);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  if (IsBlank(text)) return;
  document.blocks.push_back({BlockKind::kCode, std::string(text), 0, {}, std::string(language), 0});
}

void TableRows::Cell(std::string_view text, bool header) {
  row_ += columns_ == 0 ? "| " : " ";
  for (const char c : CollapseSpace(text)) {
    if (c == '|') row_ += '\\';
    row_ += c;
    any_text_ = true;
  }
  row_ += " |";
  header_row_ = header && (columns_ == 0 || header_row_);
  ++columns_;
}

void TableRows::EndRow() {
  if (columns_ == 0) return;
  if (!text_.empty()) text_ += '\n';
  text_ += row_;
  if (header_row_ && first_) {
    text_ += "\n|";
    for (int i = 0; i < columns_; ++i) text_ += " --- |";
  }
  first_ = false;
  row_.clear();
  columns_ = 0;
}

void TableRows::Finish(Document& document) {
  EndRow();
  if (any_text_) document.blocks.push_back({BlockKind::kTable, std::move(text_), 0, {}, {}, 0});
  *this = TableRows();
}

}  // namespace capeai::knowledge
