#include "knowledge/html_filter.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "knowledge/html_tag.hpp"

namespace capeai::knowledge {
namespace {

template <size_t N>
using Names = std::array<std::string_view, N>;

template <size_t N>
bool In(std::string_view name, const Names<N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr Names<24> kStructure = {"p",  "div", "h1", "h2", "h3", "h4",         "h5",      "h6",
                                  "ul", "ol",  "li", "dl", "dt", "dd",         "pre",     "table",
                                  "tr", "th",  "td", "hr", "br", "blockquote", "caption", "title"};
// Block elements of no further meaning here: a div each.
constexpr Names<15> kPlainBlocks = {"main",   "article",    "section", "address", "figure",
                                    "aside",  "figcaption", "details", "summary", "hgroup",
                                    "center", "fieldset",   "form",    "header",  "dialog"};
constexpr Names<14> kVoid = {"br",  "hr",   "img",  "input", "meta",   "link",  "col",
                             "wbr", "area", "base", "embed", "source", "track", "param"};
// Content that is no markup, by HTML's rules.
constexpr Names<8> kRaw = {"script", "style", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"};
constexpr Names<13> kUnwanted = {"nav",    "footer", "svg",   "math",   "object",   "select", "template",
                                 "button", "audio",  "video", "canvas", "datalist", "map"};
constexpr Names<12> kUnwantedClasses = {" navheader ", " navfooter ", " toc ",        " headerlink ",
                                        " id_link ",   " footnote ",  " breadcrumb ", " breadcrumbs ",
                                        " sidebar ",   " skip-link ", " sr-only ",    " list-of-tables "};
constexpr Names<5> kAdmonitions = {" note ", " tip ", " caution ", " warning ", " important "};

template <size_t N>
bool HasClass(const HtmlTag& tag, const Names<N>& classes) {
  return !tag.classes.empty() && std::any_of(classes.begin(), classes.end(), [&](std::string_view name) {
    return tag.classes.find(name) != std::string::npos;
  });
}

bool IsHeading(std::string_view name) {
  return name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6';
}

// "sql" from class="language-sql", or "".
std::string LanguageOf(const HtmlTag& tag) {
  for (const std::string_view prefix : {" language-", " lang-", " highlight-source-"}) {
    const size_t at = tag.classes.find(prefix);
    if (at == std::string::npos) continue;
    const size_t begin = at + prefix.size();
    const std::string language = tag.classes.substr(begin, tag.classes.find(' ', begin) - begin);
    if (language.size() <= 20 &&
        language.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+#-_.") == std::string::npos)
      return language;
  }
  return "";
}

class Filter {
 public:
  explicit Filter(std::string_view html) : in_(html) {}

  FilteredHtml Run() {
    out_.html.reserve(in_.size());
    while (at_ < in_.size()) {
      const size_t open = std::min(in_.find('<', at_), in_.size());
      Text(in_.substr(at_, open - at_));
      at_ = open;
      if (at_ < in_.size()) Markup();
    }
    PopTo(0);
    EndLink();
    return std::move(out_);
  }

 private:
  struct Open {
    std::string name;        // as in the source
    std::string_view shown;  // as written to the output; empty if not at all
    bool hides = false;      // begins a part that is left out
    bool admonition = false;
  };

  void Text(std::string_view text) {
    if (hidden_ == 0) out_.html += text;
  }

  // At '<': a tag, a comment, a declaration, or just the character.
  void Markup() {
    const std::string_view rest = in_.substr(at_);
    const auto letter = [&](size_t i) {
      return i < rest.size() && ((rest[i] | 0x20) >= 'a' && (rest[i] | 0x20) <= 'z');
    };
    if (letter(1) || (rest.starts_with("</") && letter(2))) {
      Tag();
    } else if (rest.starts_with("<!--")) {
      const size_t end = in_.find("-->", at_ + 4);
      at_ = end == std::string_view::npos ? in_.size() : end + 3;
    } else if (rest.starts_with("<!") || rest.starts_with("<?") || rest.starts_with("</")) {
      const size_t end = in_.find('>', at_ + 2);
      at_ = end == std::string_view::npos ? in_.size() : end + 1;
    } else {
      Text("&lt;");
      ++at_;
    }
  }

  void Tag() {
    const HtmlTag tag = ReadTag(in_, at_);
    at_ = tag.end;
    if (tag.closing) return Close(tag.name);
    if (In(tag.name, kRaw)) {
      at_ = FindRawEnd(in_, at_, tag.name);
      if (at_ < in_.size()) at_ = ReadTag(in_, at_).end;
      return;
    }
    if (tag.name == "title") return Title();
    if (In(tag.name, kVoid)) {
      if ((tag.name == "br" || tag.name == "hr") && Room()) Text(tag.name == "br" ? "<br>" : "<hr>");
      return;
    }
    OpenElement(tag);
  }

  // Its content is text, whatever it looks like.
  void Title() {
    const size_t end = FindRawEnd(in_, at_, "title");
    if (Room()) {
      Text("<title>");
      Text(in_.substr(at_, end - at_));
      Text("</title>");
    }
    at_ = end < in_.size() ? ReadTag(in_, end).end : end;
  }

  bool Hides(const HtmlTag& tag) const {
    if (tag.hidden || In(tag.name, kUnwanted) || HasClass(tag, kUnwantedClasses)) return true;
    if (tag.role == "navigation" || tag.role == "search" || tag.role == "banner") return true;
    return tag.name == "header" && !Inside("article") && !Inside("section") && !Inside("main");
  }

  bool Inside(std::string_view name) const {
    return std::any_of(stack_.begin(), stack_.end(), [&](const Open& open) { return open.name == name; });
  }

  void OpenElement(const HtmlTag& tag) {
    const bool hides = Hides(tag);
    const bool structural = In(tag.name, kStructure);
    const bool block = structural || In(tag.name, kPlainBlocks);
    if (tag.name == "code" && !out_.languages.empty() && out_.languages.back().empty() && Inside("pre"))
      out_.languages.back() = LanguageOf(tag);
    if (tag.name == "sup" && !hides) Text("^");
    if (tag.name == "a" && !hides && hidden_ == 0) return BeginLink(tag.href);
    if (!block && !hides && hidden_ == 0) return;  // inline markup
    EndLink();
    if (block) CloseImplied(tag.name);
    if (stack_.size() >= kMaxHtmlDepth || !Room()) {
      ++dropped_;
      Text(" ");
      return;
    }
    Open open{tag.name, "", hides, HasClass(tag, kAdmonitions)};
    if (hides) ++hidden_;
    if (block && hidden_ == 0) {
      open.shown = ShownName(tag);
      out_.html.append("<").append(open.shown).append(">");
      if (tag.name == "pre") out_.languages.push_back(LanguageOf(tag));
    }
    stack_.push_back(std::move(open));
  }

  void BeginLink(std::string_view href) {
    EndLink();
    if (href.empty() || !Room()) return;
    const char quote = href.find('"') == std::string_view::npos ? '"' : '\'';
    if (href.find(quote) != std::string_view::npos) return;
    out_.html.append("<a href=").append(1, quote).append(href).append(1, quote).append(">");
    link_open_ = true;
  }

  void EndLink() {
    if (std::exchange(link_open_, false)) out_.html += "</a>";
  }

  std::string_view ShownName(const HtmlTag& tag) const {
    if (IsHeading(tag.name) && !stack_.empty() && stack_.back().admonition) return "p";  // a box's label
    const auto known = std::find(kStructure.begin(), kStructure.end(), tag.name);
    return known == kStructure.end() ? "div" : *known;
  }

  // Elements that end where `name` begins: HTML's optional end tags.
  void CloseImplied(std::string_view name) {
    if (!stack_.empty() && stack_.back().name == "p") PopTo(stack_.size() - 1);
    if (name == "li") CloseWithin(Names<1>{"li"}, Names<2>{"ul", "ol"});
    if (name == "dt" || name == "dd") CloseWithin(Names<2>{"dt", "dd"}, Names<1>{"dl"});
    if (name == "td" || name == "th") CloseWithin(Names<3>{"td", "th", "caption"}, Names<2>{"tr", "table"});
    if (name == "tr") CloseWithin(Names<2>{"tr", "caption"}, Names<1>{"table"});
  }

  template <size_t N, size_t M>
  void CloseWithin(const Names<N>& names, const Names<M>& boundaries) {
    size_t lowest = stack_.size();
    for (size_t i = stack_.size(); i-- > 0 && !In(stack_[i].name, boundaries);)
      if (In(stack_[i].name, names)) lowest = i;
    PopTo(lowest);
  }

  void Close(const std::string& name) {
    if (name == "a" && link_open_) return EndLink();
    const auto same = [&](const Open& open) { return open.name == name; };
    if (dropped_ > 0 && (In(name, kStructure) || In(name, kPlainBlocks) || hidden_ > 0)) {
      --dropped_;
      return Text(" ");
    }
    const auto found = std::find_if(stack_.rbegin(), stack_.rend(), same);
    if (found != stack_.rend()) PopTo(static_cast<size_t>(stack_.rend() - found) - 1);
  }

  void PopTo(size_t size) {
    while (stack_.size() > size) {
      EndLink();
      const Open& open = stack_.back();
      if (!open.shown.empty()) {
        if (open.shown == "p" && IsHeading(open.name)) out_.html += ':';
        out_.html.append("</").append(open.shown).append(">");
      }
      if (open.hides) --hidden_;
      stack_.pop_back();
    }
  }

  bool Room() { return ++elements_ <= kMaxHtmlElements; }

  std::string_view in_;
  size_t at_ = 0;
  FilteredHtml out_;
  std::vector<Open> stack_;
  int hidden_ = 0;  // open elements that hide
  bool link_open_ = false;
  size_t dropped_ = 0;  // open elements beyond the limits
  size_t elements_ = 0;
};

}  // namespace

FilteredHtml FilterHtml(std::string_view html) { return Filter(html).Run(); }

}  // namespace capeai::knowledge
