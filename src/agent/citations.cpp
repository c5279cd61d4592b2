#include "agent/citations.hpp"

#include <algorithm>
#include <cctype>
#include <set>

namespace capeai {
namespace {

constexpr size_t kMaxResources = 5;

// A mark like [3] or [1, 4].
struct Mark {
  size_t begin = 0;
  size_t end = 0;
  std::vector<int64_t> numbers;
};

// The mark that begins at text[at] == '[', or one without numbers.
Mark ReadMark(const std::string& text, size_t at) {
  Mark mark{at, 0, {}};
  for (++at;; ++at) {
    while (at < text.size() && text[at] == ' ') ++at;
    int64_t number = 0;
    const size_t digits = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - digits < 3)
      number = number * 10 + (text[at++] - '0');
    if (at == digits) return {};
    mark.numbers.push_back(number);
    if (at >= text.size() || text[at] != ',') break;
  }
  if (at >= text.size() || text[at] != ']') return {};
  mark.end = at + 1;
  return mark;
}

// Marks outside of code; not "a[3]", nor what Markdown takes for a link: "[3](url)", "[3]: url".
std::vector<Mark> Marks(const std::string& text) {
  std::vector<Mark> marks;
  const auto joined = [&](size_t at) {
    const auto c = static_cast<unsigned char>(text[at]);
    return std::isalnum(c) != 0 || c == '_' || c == ')' || c >= 0x80;
  };
  bool code = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '`') {
      while (i + 1 < text.size() && text[i + 1] == '`') ++i;
      code = !code;
    }
    if (code || text[i] != '[') continue;
    Mark mark = ReadMark(text, i);
    if (mark.numbers.empty()) continue;
    const char next = mark.end < text.size() ? text[mark.end] : ' ';
    if (next != '(' && next != ':' && (i == 0 || !joined(i - 1))) marks.push_back(mark);
    i = mark.end - 1;
  }
  return marks;
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json::Null() : Json::String(text); }

bool Exists(int64_t number, size_t passages) {
  return number >= 1 && number <= static_cast<int64_t>(passages);
}

// What makes two passages parts of one document.
std::string DocumentKey(const Passage& passage) {
  if (passage.document_id != 0) return "id " + std::to_string(passage.document_id);
  return passage.url.empty() ? "title " + passage.title : "url " + passage.url;
}

}  // namespace

CheckedCitations CheckCitations(const std::vector<int64_t>& numbers, const std::string& response,
                                size_t passages) {
  CheckedCitations checked;
  std::set<int64_t> unknown;
  const auto add = [&](int64_t number) {
    const int index = static_cast<int>(number - 1);
    if (!Exists(number, passages)) {
      unknown.insert(number);
    } else if (std::find(checked.cited.begin(), checked.cited.end(), index) == checked.cited.end()) {
      checked.cited.push_back(index);
    }
  };
  for (const int64_t number : numbers) add(number);
  for (const Mark& mark : Marks(response))
    for (const int64_t number : mark.numbers) add(number);
  checked.unknown = static_cast<int>(unknown.size());
  return checked;
}

std::string WithoutUnknownMarks(const std::string& response, size_t passages) {
  std::string kept;
  size_t at = 0;
  for (const Mark& mark : Marks(response)) {
    kept += response.substr(at, mark.begin - at);
    at = mark.end;
    std::string known;
    for (const int64_t number : mark.numbers)
      if (Exists(number, passages)) known += (known.empty() ? "" : ", ") + std::to_string(number);
    if (!known.empty()) {
      kept += "[" + known + "]";
    } else if (kept.ends_with(' ')) {
      kept.pop_back();  // "so [9]." becomes "so."
    }
  }
  return kept + response.substr(at);
}

Json CitationList(const std::vector<Passage>& passages, const std::vector<int>& cited, bool in_order) {
  Json list = Json::Array();
  for (const int index : cited) {
    const Passage& passage = passages[static_cast<size_t>(index)];
    list.Push(Json::Object()
                  .Set("number", Json::Int(in_order ? static_cast<int64_t>(list.size()) + 1 : index + 1))
                  .Set("document_id", Json::Int(passage.document_id))
                  .Set("passage_id", Json::Int(passage.passage_id))
                  .Set("title", Json::String(passage.title))
                  .Set("heading", TextOrNull(passage.heading))
                  .Set("url", TextOrNull(passage.url))
                  .Set("type", TextOrNull(passage.type)));
  }
  return list;
}

Json MatchResources(const std::vector<Passage>& passages, const std::vector<int>& cited) {
  std::vector<const Passage*> order;
  for (const int index : cited) order.push_back(&passages[static_cast<size_t>(index)]);
  const size_t all_cited = order.size();
  for (const Passage& passage : passages) order.push_back(&passage);
  Json list = Json::Array();
  std::set<std::string> documents;
  std::set<std::string> urls;
  for (size_t i = 0; i < order.size(); ++i) {
    const Passage& passage = *order[i];
    if (i >= all_cited && list.size() >= kMaxResources) break;
    if (!documents.insert(DocumentKey(passage)).second) continue;
    if (!passage.url.empty() && !urls.insert(passage.url).second) continue;
    list.Push(Json::Object()
                  .Set("title", Json::String(passage.title))
                  .Set("url", TextOrNull(passage.url))
                  .Set("type", TextOrNull(passage.type)));
  }
  return list;
}

}  // namespace capeai
