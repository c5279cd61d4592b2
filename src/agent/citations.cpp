#include "agent/citations.hpp"

#include <algorithm>
#include <set>

namespace capeai {
namespace {

constexpr size_t kMaxResources = 5;

// Numbers in marks like [3] or [1, 4] outside of code.
std::vector<int64_t> MarkedNumbers(const std::string& text) {
  std::vector<int64_t> numbers;
  bool code = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '`') {
      while (i + 1 < text.size() && text[i + 1] == '`') ++i;
      code = !code;
    }
    if (code || text[i] != '[') continue;
    std::vector<int64_t> found;
    size_t at = i + 1;
    for (;; ++at) {
      while (at < text.size() && text[at] == ' ') ++at;
      int64_t number = 0;
      const size_t digits = at;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - digits < 3)
        number = number * 10 + (text[at++] - '0');
      if (at == digits) break;
      found.push_back(number);
      if (at >= text.size() || text[at] != ',') break;
    }
    if (at < text.size() && text[at] == ']') numbers.insert(numbers.end(), found.begin(), found.end());
  }
  return numbers;
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json::Null() : Json::String(text); }

// What makes two passages parts of one document.
std::string DocumentKey(const Passage& passage) {
  if (passage.document_id != 0) return "id " + std::to_string(passage.document_id);
  return passage.url.empty() ? "title " + passage.title : "url " + passage.url;
}

}  // namespace

CheckedCitations CheckCitations(const std::vector<int64_t>& numbers, const std::string& response,
                                size_t passages) {
  CheckedCitations checked;
  const auto exists = [&](int64_t number) { return number >= 1 && number <= static_cast<int64_t>(passages); };
  const auto add = [&](int64_t number) {
    const int index = static_cast<int>(number - 1);
    if (std::find(checked.cited.begin(), checked.cited.end(), index) == checked.cited.end())
      checked.cited.push_back(index);
  };
  for (const int64_t number : numbers) {
    if (exists(number)) {
      add(number);
    } else {
      ++checked.unknown;
    }
  }
  for (const int64_t number : MarkedNumbers(response))
    if (exists(number)) add(number);
  return checked;
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
