// Reading one HTML tag. Internal to knowledge/'s HTML filter.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace capeai::knowledge {

struct HtmlTag {
  std::string name;  // lower case
  bool closing = false;
  bool hidden = false;    // attribute hidden, or aria-hidden="true"
  std::string classes;    // of class="...", lower case, with a space on either side
  std::string role;       // lower case
  std::string_view href;  // as written, entities and all
  size_t end = 0;         // offset behind '>'; the text's size if it never closes
};

// Reads the tag at html[at] == '<', which must be followed by a letter or by '/'
// and a letter. Quoted attribute values may hold '>'.
HtmlTag ReadTag(std::string_view html, size_t at);

// Where the element `name` ("script"), whose content is no markup, ends: the
// offset of its "</name", in any case, or the text's size.
size_t FindRawEnd(std::string_view html, size_t from, std::string_view name);

}  // namespace capeai::knowledge
