// Markdown to blocks, by md4c's callbacks: CommonMark with tables, task lists
// and strike-through, and YAML front matter, of which only the title is kept.
#include <md4c.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "knowledge/blocks.hpp"
#include "knowledge/html_filter.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// Raw HTML blocks that are parsed as HTML; of more, in one document, only the text between tags stays.
constexpr int kMaxHtmlBlocks = 1000;
// md4c reports every cell that a table's header promises, present or not, so a hostile
// table costs rows times columns: at most this many reports a byte.
constexpr size_t kReportsPerByte = 16;

// Raw HTML without its tags.
std::string WithoutTags(std::string_view html) {
  std::string text;
  while (!html.empty()) {
    const size_t open = std::min(html.find('<'), html.size());
    text += html.substr(0, open);
    const size_t close = html.find('>', open);
    text += ' ';
    html.remove_prefix(close == std::string_view::npos ? html.size() : close + 1);
  }
  return text;
}

struct OpenList {
  bool ordered;
  unsigned number;
};

class Builder {
 public:
  explicit Builder(size_t bytes) : reports_left_(bytes * kReportsPerByte + 1000) {}

  int Enter(MD_BLOCKTYPE type, void* detail) {
    if (!Spend()) return 1;
    if (type != MD_BLOCK_TD && type != MD_BLOCK_TH && type != MD_BLOCK_TR) FlushText();
    switch (type) {
      case MD_BLOCK_UL:
        lists_.push_back({false, 0});
        break;
      case MD_BLOCK_OL:
        lists_.push_back({true, static_cast<MD_BLOCK_OL_DETAIL*>(detail)->start});
        break;
      case MD_BLOCK_LI:
        marker_ = Marker(*static_cast<MD_BLOCK_LI_DETAIL*>(detail));
        break;
      case MD_BLOCK_H:
        in_heading_ = true;
        break;
      case MD_BLOCK_CODE: {
        const MD_ATTRIBUTE& lang = static_cast<MD_BLOCK_CODE_DETAIL*>(detail)->lang;
        language_ = lang.text == nullptr ? "" : std::string(lang.text, lang.size);
        break;
      }
      default:
        break;
    }
    return 0;
  }

  int Leave(MD_BLOCKTYPE type, void* detail) {
    if (!Spend()) return 1;
    switch (type) {
      case MD_BLOCK_UL:
      case MD_BLOCK_OL:
        lists_.pop_back();
        break;
      case MD_BLOCK_LI:
        FlushText();
        marker_.clear();
        break;
      case MD_BLOCK_P:
        FlushText();
        break;
      case MD_BLOCK_H:
        in_heading_ = false;
        Heading(static_cast<MD_BLOCK_H_DETAIL*>(detail)->level);
        break;
      case MD_BLOCK_CODE:
        AddCode(document_, std::exchange(text_, ""), language_);
        break;
      case MD_BLOCK_HTML:
        Html();
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD:
        table_.Cell(std::exchange(text_, ""), type == MD_BLOCK_TH);
        break;
      case MD_BLOCK_TR:
        table_.EndRow();
        break;
      case MD_BLOCK_TABLE:
        table_.Finish(document_);
        break;
      default:
        break;
    }
    return 0;
  }

  // Of inline markup, code keeps its backticks, but not in headings, and links are noted.
  int EnterSpan(MD_SPANTYPE type) {
    if (!Spend()) return 1;
    if (type == MD_SPAN_A || type == MD_SPAN_CODE) spans_.push_back(text_.size());
    return 0;
  }

  int LeaveSpan(MD_SPANTYPE type, void* detail) {
    if (!Spend()) return 1;
    if (type != MD_SPAN_A && type != MD_SPAN_CODE) return 0;
    const std::string inside = text_.substr(spans_.back());
    if (type == MD_SPAN_CODE) {
      text_.resize(spans_.back());
      text_ += in_heading_ ? inside : InBackticks(inside);
    } else {
      const MD_ATTRIBUTE& href = static_cast<MD_SPAN_A_DETAIL*>(detail)->href;
      if (href.text != nullptr) AddLink(document_, {href.text, href.size}, inside);
    }
    spans_.pop_back();
    return 0;
  }

  int Text(MD_TEXTTYPE type, std::string_view text) {
    if (!Spend()) return 1;
    switch (type) {
      case MD_TEXT_BR:
      case MD_TEXT_SOFTBR:
        text_ += ' ';
        break;
      case MD_TEXT_NULLCHAR:
        utf8::Append(text_, 0xFFFD);
        break;
      case MD_TEXT_ENTITY:
        text_ += Entity(text);
        break;
      case MD_TEXT_HTML:
        RawHtml(text);
        break;
      default:
        text_ += text;
    }
    return 0;
  }

  void set_in_html_block(bool inside) { in_html_block_ = inside; }
  Document Take() { return std::move(document_); }

 private:
  bool Spend() { return reports_left_ > 0 && reports_left_-- > 0; }

  std::string Marker(const MD_BLOCK_LI_DETAIL& item) {
    if (item.is_task) return item.task_mark == ' ' ? "- [ ]" : "- [x]";
    OpenList& list = lists_.back();
    return list.ordered ? std::to_string(list.number++) + "." : "-";
  }

  // Three of them would look like a block of code.
  static std::string InBackticks(const std::string& code) {
    if (code.find("``") != std::string::npos) return code;
    return code.find('`') == std::string::npos ? "`" + code + "`" : "`` " + code + " ``";
  }

  void FlushText() {
    const std::string text = std::exchange(text_, "");
    if (IsBlank(text)) return;
    const int level = static_cast<int>(std::min<size_t>(lists_.size(), kMaxListLevel));
    if (marker_.empty()) return AddParagraph(document_, text, level);
    AddListItem(document_, level, std::exchange(marker_, ""), text);
  }

  void Heading(unsigned level) {
    const std::string text = std::exchange(text_, "");
    if (document_.title.empty()) document_.title = CollapseSpace(text);
    AddHeading(document_, static_cast<int>(level), text);
  }

  void Html() {
    const std::string html = std::exchange(text_, "");
    if (IsBlank(WithoutTags(html))) return;
    if (++html_blocks_ > kMaxHtmlBlocks) return AddParagraph(document_, WithoutTags(html));
    Document inner = ParseHtml(html);
    if (document_.title.empty()) document_.title = inner.title;
    std::move(inner.blocks.begin(), inner.blocks.end(), std::back_inserter(document_.blocks));
    std::move(inner.links.begin(), inner.links.end(), std::back_inserter(document_.links));
  }

  // Inline tags go, but <br> separates words. A block is kept whole for Html().
  void RawHtml(std::string_view text) {
    if (in_html_block_) {
      text_ += text;
    } else if (LowerAscii(text.substr(0, 3)) == "<br") {
      text_ += ' ';
    }
  }

  const std::string& Entity(std::string_view entity) {
    const auto [at, added] = entities_.try_emplace(std::string(entity));
    if (added) at->second = DecodeEntity(entity);
    return at->second;
  }

  Document document_;
  size_t reports_left_;
  std::string text_;
  std::vector<size_t> spans_;  // where open links and code begin in text_
  std::string marker_;
  std::string language_;
  std::vector<OpenList> lists_;
  TableRows table_;
  bool in_heading_ = false;
  bool in_html_block_ = false;
  int html_blocks_ = 0;
  std::unordered_map<std::string, std::string> entities_;
};

// What stands between md4c's C frames and ours: no exception may cross them, so
// running out of memory stops the parse and is thrown again behind it.
struct Session {
  Builder builder;
  bool out_of_memory = false;

  template <class Step>
  int Guard(Step step) noexcept {
    try {
      return step();
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
      return 1;
    }
  }
};

int OnEnterBlock(MD_BLOCKTYPE type, void* detail, void* self) noexcept {
  auto& session = *static_cast<Session*>(self);
  return session.Guard([&] {
    const int stop = session.builder.Enter(type, detail);
    if (type == MD_BLOCK_HTML) session.builder.set_in_html_block(true);
    return stop;
  });
}

int OnLeaveBlock(MD_BLOCKTYPE type, void* detail, void* self) noexcept {
  auto& session = *static_cast<Session*>(self);
  return session.Guard([&] {
    if (type == MD_BLOCK_HTML) session.builder.set_in_html_block(false);
    return session.builder.Leave(type, detail);
  });
}

int OnEnterSpan(MD_SPANTYPE type, void*, void* self) noexcept {
  auto& session = *static_cast<Session*>(self);
  return session.Guard([&] { return session.builder.EnterSpan(type); });
}

int OnLeaveSpan(MD_SPANTYPE type, void* detail, void* self) noexcept {
  auto& session = *static_cast<Session*>(self);
  return session.Guard([&] { return session.builder.LeaveSpan(type, detail); });
}

int OnText(MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) noexcept {
  auto& session = *static_cast<Session*>(self);
  return session.Guard([&] { return session.builder.Text(type, {text, size}); });
}

// Takes YAML front matter off the beginning of `text`; returns its title.
std::string TakeFrontMatter(std::string_view& text) {
  if (!text.starts_with("---\n")) return "";
  const size_t end = text.substr(0, 8192).find("\n---\n", 3);
  if (end == std::string_view::npos) return "";
  std::string title;
  for (const std::string_view line : Lines(text.substr(4, end - std::min<size_t>(end, 4)))) {
    if (line.find(':') == std::string_view::npos && !line.starts_with(" ") && !line.starts_with("-") &&
        !line.starts_with("#") && !IsBlank(line))
      return "";  // prose between two rules
    if (!line.starts_with("title:")) continue;
    title = CollapseSpace(line.substr(6));
    if (title.size() >= 2 && (title[0] == '"' || title[0] == '\'') && title.back() == title[0])
      title = title.substr(1, title.size() - 2);
  }
  text.remove_prefix(end + 5);
  return title;
}

}  // namespace

Document ParseMarkdown(std::string_view text) {
  const std::string_view whole = text;
  const std::string title = TakeFrontMatter(text);
  MD_PARSER parser = {};
  parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS;
  parser.enter_block = OnEnterBlock;
  parser.leave_block = OnLeaveBlock;
  parser.enter_span = OnEnterSpan;
  parser.leave_span = OnLeaveSpan;
  parser.text = OnText;
  Session session{Builder(text.size())};
  const int failed = md_parse(text.data(), static_cast<MD_SIZE>(text.size()), &parser, &session);
  if (session.out_of_memory || failed < 0) throw std::bad_alloc();
  if (failed > 0) return ParsePlain(whole);  // more structure than text: hostile
  Document document = session.builder.Take();
  if (!title.empty()) document.title = title;
  return document;
}

}  // namespace capeai::knowledge
