// How the parsers append blocks to a Document: the rules that all formats share.
// Internal to knowledge/.
#pragma once

#include <string>
#include <string_view>

#include "knowledge/document.hpp"

namespace capeai::knowledge {

// A heading or term longer than this many bytes is a paragraph.
inline constexpr size_t kMaxHeadingBytes = 240;
// A term in more definition lists than this is a paragraph.
inline constexpr int kMaxTermLevel = 4;
// List nesting deeper than this is shown at this depth.
inline constexpr int kMaxListLevel = 6;

// Each takes text as parsed, collapses white space, and ignores blank text.
void AddHeading(Document& document, int level, std::string_view text);
// Terms that follow each other directly (<dt><dt><dd>) become one: "-a, --all".
void AddTerm(Document& document, int level, std::string_view text);
// level > 0: belongs to a list item of that level. "Note:" alone joins what follows.
void AddParagraph(Document& document, std::string_view text, int level = 0);
void AddListItem(Document& document, int level, std::string_view marker, std::string_view text);

// Ignored without a text of its own: blank, or the address again.
void AddLink(Document& document, std::string_view href, std::string_view text);

// Lines stay as written, without blank lines around them.
void AddCode(Document& document, std::string_view text, std::string_view language);

// A table under construction. Cells are text as parsed; "|" in them is escaped.
class TableRows {
 public:
  void Cell(std::string_view text, bool header);
  void EndRow();
  // Appends the table to the document, if it holds any text, and starts anew.
  void Finish(Document& document);

 private:
  std::string row_;
  std::string text_;
  int columns_ = 0;
  bool header_row_ = false;
  bool any_text_ = false;
  bool first_ = true;
};

}  // namespace capeai::knowledge
