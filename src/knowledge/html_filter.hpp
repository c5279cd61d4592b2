// The gate before gumbo: rewrites any HTML into a small, well-nested vocabulary
// of bounded depth and size, in one linear pass. gumbo walks its stack of open
// elements at every tag and reopens unclosed formatting, so hostile input would
// otherwise cost quadratic time and memory. Internal to knowledge/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace capeai::knowledge {

// Open elements that may be nested; what is deeper keeps its text, not its tags.
inline constexpr size_t kMaxHtmlDepth = 100;
// Elements kept per document (about 80 MB in gumbo); later tags only separate words.
inline constexpr size_t kMaxHtmlElements = 200000;

struct FilteredHtml {
  // Contains only: title, h1..h6, p, div, blockquote, ul, ol, li, dl, dt, dd, pre, table, caption,
  // tr, th, td, hr, br, without attributes; and <a href>, which holds no block.
  std::string html;
  // The language of each <pre>, in order; "" where none is named.
  std::vector<std::string> languages;
};

// Leaves out scripts, styles, forms' controls, embedded media, navigation, page
// headers and footers, tables of contents, hidden elements and permalinks, with
// what they hold. Inline markup is dropped, its text stays.
FilteredHtml FilterHtml(std::string_view html);

// The characters that a named or numeric entity ("&eacute;", "&#233;") stands
// for; an unknown one stays as it is.
std::string DecodeEntity(std::string_view entity);

}  // namespace capeai::knowledge
