// A parsed document: what Markdown, HTML and plain text have in common, as a
// flat list of blocks in plain UTF-8. Knows no database, no file, no ranking.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace capeai::knowledge {

enum class BlockKind {
  kHeading,    // level 1 (outermost) .. 6
  kTerm,       // <dt>: heads what follows like a small heading; level = nesting, 1..
  kParagraph,  // one line, spaces collapsed; level > 0 = goes on in a list item
  kListItem,   // level = nesting, 1..; see marker
  kCode,       // lines as written, no final newline; language may be empty
  kTable,      // one row a line, "| a | b |", "| --- | --- |" under a header row
};

// Text is valid UTF-8 without U+0000. Blocks without any visible character are
// not kept, so `text` is never blank.
struct Block {
  BlockKind kind = BlockKind::kParagraph;
  std::string text;
  int level = 0;
  std::string marker;    // of a list item: "-", "3.", "- [ ]", "- [x]"
  std::string language;  // of code
  int term = 0;          // number of definition lists it lies in: the terms that it is about
};

struct Link {
  std::string href;  // as written, entities decoded; may be relative
  std::string text;  // never blank
};

struct Document {
  std::string title;  // <title> or the first heading; may be empty
  std::vector<Block> blocks;
  std::vector<Link> links;  // in order, but not those of navigation
  bool lossy = false;       // bytes that are no text were replaced by U+FFFD
};

enum class Format { kMarkdown, kHtml, kPlain };

// "markdown", "html" or "plain" ("text" is the same); nothing for other names.
std::optional<Format> FormatFromName(std::string_view name);
// By the ending of a file's name: .md .markdown .html .htm .xhtml .txt .text
// .rst .adoc, in any case; nothing for other files.
std::optional<Format> FormatFromFileName(std::string_view file_name);

inline constexpr size_t kMaxDocumentBytes = 10 * 1024 * 1024;

// Parses `content`, whose bytes may be anything: bad UTF-8 and NUL are replaced
// first, a byte order mark is dropped, CRLF and CR become LF. Error: 22023 for
// more than kMaxDocumentBytes. Markup never fails; broken markup is text.
// Takes time and memory in proportion to the size, and bounded stack.
Result<Document> ParseDocument(std::string_view content, Format format);

// The parsers behind it. `text` is valid UTF-8 with LF line ends, at most
// kMaxDocumentBytes long.
Document ParseMarkdown(std::string_view text);
Document ParseHtml(std::string_view text);
Document ParsePlain(std::string_view text);

}  // namespace capeai::knowledge
