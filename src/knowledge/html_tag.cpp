#include "knowledge/html_tag.hpp"

#include <algorithm>

#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

constexpr std::string_view kSpace = " \t\n\f\r";
constexpr size_t kMaxNameBytes = 32;    // longer names are of no interest
constexpr size_t kMaxValueBytes = 400;  // of class and role
constexpr size_t kMaxHrefBytes = 2048;  // longer ones lead to no document

size_t FindOrEnd(std::string_view text, std::string_view any, size_t from) {
  return std::min(text.find_first_of(any, from), text.size());
}

void Apply(HtmlTag& tag, std::string_view name, std::string_view value) {
  if (name.size() > kMaxNameBytes) return;
  const std::string key = LowerAscii(name);
  if (key == "href" && value.size() <= kMaxHrefBytes) tag.href = value;
  value = value.substr(0, kMaxValueBytes);
  if (key == "class") {
    tag.classes = " " + LowerAscii(value) + " ";
    std::replace_if(
        tag.classes.begin(), tag.classes.end(),
        [](char c) { return kSpace.find(c) != std::string_view::npos; }, ' ');
  } else if (key == "role") {
    tag.role = LowerAscii(value);
  } else if (key == "hidden" || (key == "aria-hidden" && value == "true")) {
    tag.hidden = true;
  }
}

// Reads one attribute at `at` (neither space, '/' nor '>'); returns the offset behind it.
size_t ReadAttribute(std::string_view html, size_t at, HtmlTag& tag) {
  const size_t name_end = FindOrEnd(html, " \t\n\f\r/>=", at + 1);
  const std::string_view name = html.substr(at, name_end - at);
  const size_t equals = std::min(html.find_first_not_of(kSpace, name_end), html.size());
  if (equals == html.size() || html[equals] != '=') {
    Apply(tag, name, "");
    return name_end;
  }
  const size_t value = std::min(html.find_first_not_of(kSpace, equals + 1), html.size());
  if (value == html.size()) return value;
  if (html[value] == '"' || html[value] == '\'') {
    const size_t close = std::min(html.find(html[value], value + 1), html.size());
    Apply(tag, name, html.substr(value + 1, close - value - 1));
    return std::min(close + 1, html.size());
  }
  const size_t end = FindOrEnd(html, " \t\n\f\r>", value);
  Apply(tag, name, html.substr(value, end - value));
  return end;
}

}  // namespace

HtmlTag ReadTag(std::string_view html, size_t at) {
  HtmlTag tag;
  tag.closing = html[at + 1] == '/';
  const size_t name = at + (tag.closing ? 2 : 1);
  size_t i = FindOrEnd(html, " \t\n\f\r/>", name);
  tag.name = LowerAscii(html.substr(name, std::min(i - name, kMaxNameBytes)));
  while (true) {
    i = std::min(html.find_first_not_of(" \t\n\f\r/", i), html.size());
    if (i == html.size()) break;
    if (html[i] == '>') {
      ++i;
      break;
    }
    i = ReadAttribute(html, i, tag);
  }
  tag.end = i;
  return tag;
}

size_t FindRawEnd(std::string_view html, size_t from, std::string_view name) {
  while (true) {
    const size_t at = html.find("</", from);
    if (at == std::string_view::npos) return html.size();
    if (LowerAscii(html.substr(at + 2, name.size())) == name) return at;
    from = at + 2;
  }
}

}  // namespace capeai::knowledge
