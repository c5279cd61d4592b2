// HTML to blocks: gumbo's tree (of what html_filter.hpp lets through), walked once.
// The recursion is bounded by kMaxHtmlDepth.
#include <gumbo.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "knowledge/blocks.hpp"
#include "knowledge/gumbo_tree.hpp"
#include "knowledge/html_filter.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

bool IsText(const GumboNode& node) {
  return node.type == GUMBO_NODE_TEXT || node.type == GUMBO_NODE_WHITESPACE || node.type == GUMBO_NODE_CDATA;
}

bool IsLink(const GumboNode& node) {
  return node.type == GUMBO_NODE_ELEMENT && node.v.element.tag == GUMBO_TAG_A;
}

template <class Visit>
void ForEachChild(const GumboElement& element, Visit visit) {
  for (unsigned i = 0; i < element.children.length; ++i)
    visit(*static_cast<const GumboNode*>(element.children.data[i]));
}

// All text below `element`, with `separator` around inner blocks and for <br>.
void GatherText(const GumboElement& element, std::string_view separator, std::string& out) {
  ForEachChild(element, [&](const GumboNode& child) {
    if (IsText(child)) {
      out += child.v.text.text;
    } else if (IsLink(child)) {
      GatherText(child.v.element, separator, out);
    } else if (child.type == GUMBO_NODE_ELEMENT) {
      out += separator;
      GatherText(child.v.element, separator, out);
      if (child.v.element.tag != GUMBO_TAG_BR) out += separator;
    }
  });
}

std::string TextOf(const GumboElement& element) {
  std::string text;
  GatherText(element, " ", text);
  return text;
}

// A cell's inner paragraphs, joined by a dash.
std::string CellText(const GumboElement& cell) {
  std::string raw, text;
  GatherText(cell, "\x1F", raw);
  for (size_t begin = 0; begin <= raw.size();) {
    const size_t end = std::min(raw.find('\x1F', begin), raw.size());
    const std::string part = CollapseSpace(std::string_view(raw).substr(begin, end - begin));
    if (!part.empty()) text.append(text.empty() ? "" : " \xE2\x80\x94 ").append(part);
    begin = end + 1;
  }
  return text;
}

// Whether a table only arranges the page: it holds headings or other tables.
bool IsLayout(const GumboElement& element) {
  bool layout = false;
  ForEachChild(element, [&](const GumboNode& child) {
    if (layout || child.type != GUMBO_NODE_ELEMENT) return;
    const GumboTag tag = child.v.element.tag;
    layout =
        tag == GUMBO_TAG_TABLE || (tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6) || IsLayout(child.v.element);
  });
  return layout;
}

class Walker {
 public:
  Walker(Document& document, std::vector<std::string> languages)
      : document_(document), languages_(std::move(languages)) {}

  void Walk(const GumboNode& node) {
    if (IsText(node)) {
      inline_ += node.v.text.text;
    } else if (node.type == GUMBO_NODE_ELEMENT) {
      Element(node.v.element);
    }
  }

  // Ends the text gathered so far: a paragraph, or the text of the list item that is waiting for it.
  void Flush() {
    if (!IsBlank(inline_)) {
      if (marker_.empty()) {
        AddParagraph(document_, inline_, list_level_);
      } else {
        AddListItem(document_, list_level_, std::exchange(marker_, ""), inline_);
      }
    }
    inline_.clear();
  }

 private:
  void Children(const GumboElement& element) {
    ForEachChild(element, [&](const GumboNode& child) { Walk(child); });
  }

  void Element(const GumboElement& element) {
    if (element.tag == GUMBO_TAG_BR) {
      inline_ += ' ';
      return;
    }
    if (element.tag == GUMBO_TAG_A) return Children(element);
    if (element.tag == GUMBO_TAG_TITLE) {
      if (document_.title.empty()) document_.title = CollapseSpace(TextOf(element));
      return;
    }
    Flush();
    switch (element.tag) {
      case GUMBO_TAG_H1:
      case GUMBO_TAG_H2:
      case GUMBO_TAG_H3:
      case GUMBO_TAG_H4:
      case GUMBO_TAG_H5:
      case GUMBO_TAG_H6:
        return AddHeading(document_, element.tag - GUMBO_TAG_H1 + 1, TextOf(element));
      case GUMBO_TAG_PRE:
        return Code(element);
      case GUMBO_TAG_UL:
      case GUMBO_TAG_OL:
        return List(element);
      case GUMBO_TAG_DL:
        return Definitions(element);
      case GUMBO_TAG_DT:
        return AddTerm(document_, std::max(term_level_, 1), TextOf(element));
      case GUMBO_TAG_TABLE:
        if (!IsLayout(element)) return Table(element);
        break;
      default:
        break;
    }
    Children(element);
    Flush();
  }

  void Code(const GumboElement& element) {
    std::string text;
    GatherText(element, "\n", text);
    AddCode(document_, text, pre_ < languages_.size() ? languages_[pre_] : "");
    ++pre_;
  }

  void List(const GumboElement& list) {
    ++list_level_;
    int number = 0;
    ForEachChild(list, [&](const GumboNode& child) {
      const bool item = child.type == GUMBO_NODE_ELEMENT && child.v.element.tag == GUMBO_TAG_LI;
      if (item) marker_ = list.tag == GUMBO_TAG_OL ? std::to_string(++number) + "." : "-";
      Walk(child);
      if (item) {
        Flush();
        marker_.clear();
      }
    });
    --list_level_;
  }

  void Definitions(const GumboElement& list) {
    ++term_level_;
    const int level = std::exchange(list_level_, 0);
    const size_t first = document_.blocks.size();
    Children(list);
    Flush();
    for (size_t i = first; i < document_.blocks.size(); ++i)  // inner lists have set theirs
      if (document_.blocks[i].term == 0) document_.blocks[i].term = std::min(term_level_, kMaxTermLevel);
    list_level_ = level;
    --term_level_;
  }

  void Table(const GumboElement& table) {
    TableRows rows;
    Rows(table, rows);
    rows.Finish(document_);
  }

  void Rows(const GumboElement& element, TableRows& rows) {
    ForEachChild(element, [&](const GumboNode& child) {
      if (child.type != GUMBO_NODE_ELEMENT) return;
      const GumboElement& inner = child.v.element;
      if (inner.tag == GUMBO_TAG_TH || inner.tag == GUMBO_TAG_TD) {
        rows.Cell(CellText(inner), inner.tag == GUMBO_TAG_TH);
      } else if (inner.tag == GUMBO_TAG_CAPTION) {
        AddParagraph(document_, TextOf(inner));
      } else {
        Rows(inner, rows);
        if (inner.tag == GUMBO_TAG_TR) rows.EndRow();
      }
    });
  }

  Document& document_;
  std::vector<std::string> languages_;
  size_t pre_ = 0;
  std::string inline_;
  std::string marker_;
  int list_level_ = 0;
  int term_level_ = 0;
};

void GatherLinks(const GumboElement& element, Document& document) {
  ForEachChild(element, [&](const GumboNode& child) {
    if (IsLink(child)) {
      const GumboAttribute* href = gumbo_get_attribute(&child.v.element.attributes, "href");
      if (href != nullptr) AddLink(document, href->value, TextOf(child.v.element));
    } else if (child.type == GUMBO_NODE_ELEMENT) {
      GatherLinks(child.v.element, document);
    }
  });
}

// The page's own heading is its top, whatever level its style gave it: in a manual
// cut into pages the title and its sections are often both <h2>.
void RaiseTitle(Document& document) {
  const auto first = std::find_if(document.blocks.begin(), document.blocks.end(),
                                  [](const Block& block) { return block.kind == BlockKind::kHeading; });
  if (first == document.blocks.end()) return;
  if (document.title.empty()) document.title = first->text;
  if (first->text == document.title) first->level = 1;
}

}  // namespace

Document ParseHtml(std::string_view text) {
  Document document;
  FilteredHtml filtered = FilterHtml(text);
  if (IsBlank(filtered.html)) return document;
  const GumboTree tree(std::move(filtered.html));
  Walker walker(document, std::move(filtered.languages));
  walker.Walk(*tree.root());
  walker.Flush();
  GatherLinks(tree.root()->v.element, document);
  RaiseTitle(document);
  return document;
}

std::string DecodeEntity(std::string_view entity) {
  const GumboTree tree("<title>" + std::string(entity) + "</title>");
  const std::string text = TextOf(tree.root()->v.element);
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());  // ASCII only: &nbsp; is text here
  const size_t end = text.find_last_not_of(' ');
  return begin == text.size() ? std::string(entity) : utf8::Repair(text.substr(begin, end - begin + 1)).text;
}

}  // namespace capeai::knowledge
