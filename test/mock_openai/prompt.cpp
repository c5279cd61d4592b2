// Reading the request's messages: see prompt.hpp.
#include "prompt.hpp"

#include <cctype>
#include <set>
#include <vector>

namespace mock {
namespace {

constexpr auto kNone = std::string_view::npos;

// Text of a message's content: the string, or its text parts joined.
std::string ContentText(const cJSON* message) {
  const cJSON* content = Member(message, "content");
  if (!cJSON_IsArray(content)) return std::string(Text(content));
  std::string out;
  const cJSON* part;
  cJSON_ArrayForEach(part, content) {
    if (!out.empty()) out += '\n';
    out += Text(Member(part, "text"));
  }
  return out;
}

// What stands between `open` and "]]"; empty if it does not occur.
std::string Marked(std::string_view text, std::string_view open) {
  const size_t at = text.find(open);
  if (at == kNone) return {};
  const size_t end = text.find("]]", at);
  if (end == kNone) return {};
  std::string_view inner = text.substr(at + open.size(), end - at - open.size());
  while (!inner.empty() && inner.front() == ' ') inner.remove_prefix(1);
  return std::string(inner);
}

// The beginning of a passage: "[12] Title" or "<passage 12 …>". Its number, otherwise 0.
int PassageNumber(std::string_view line) {
  constexpr std::string_view kBlock = "<passage ";
  const bool block = line.substr(0, kBlock.size()) == kBlock;
  if (!block && (line.empty() || line[0] != '[')) return 0;
  const size_t start = block ? kBlock.size() : 1;
  size_t at = start;
  int number = 0;
  while (at < line.size() && at < start + 4 && std::isdigit(static_cast<unsigned char>(line[at])))
    number = number * 10 + (line[at++] - '0');
  if (at == start || at == line.size()) return 0;
  return block || line[at] == ']' ? number : 0;
}

std::set<std::string> Words(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : ' ';
    if (std::isalnum(c) || c >= 0x80) {
      word += static_cast<char>(std::tolower(c));
    } else {
      if (word.size() > 3) words.insert(word);
      word.clear();
    }
  }
  return words;
}

std::vector<std::string> Sentences(std::string_view text) {
  std::vector<std::string> out;
  std::string sentence;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' && i + 1 < text.size() && text[i + 1] != '\n') {
      sentence += ' ';
      continue;
    }
    const bool stop = (c == '.' || c == '!' || c == '?') &&
                      (i + 1 == text.size() || std::isspace(static_cast<unsigned char>(text[i + 1])));
    if (c != '\n') sentence += c;
    if (!stop && c != '\n') continue;
    if (sentence.find_first_not_of(" #*") != std::string::npos)
      out.push_back(sentence.substr(sentence.find_first_not_of(' ')));
    sentence.clear();
  }
  if (sentence.find_first_not_of(' ') != std::string::npos)
    out.push_back(sentence.substr(sentence.find_first_not_of(' ')));
  return out;
}

std::string BestSentence(std::string_view passage, std::string_view question) {
  const std::set<std::string> wanted = Words(question);
  std::string best;
  int best_score = -1;
  for (const std::string& sentence : Sentences(passage)) {
    int score = 0;
    for (const std::string& word : Words(sentence)) score += static_cast<int>(wanted.count(word));
    if (score > best_score) {
      best = sentence;
      best_score = score;
    }
  }
  return best;
}

PromptPassage PassageIn(std::string_view text, std::string_view question) {
  PromptPassage passage;
  std::string body;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const int number = PassageNumber(line);
    if (passage.number > 0 && (number > 0 || line.substr(0, 10) == "</passage ")) break;
    if (number > 0) {
      passage.number = number;
      const size_t rest = std::min(line.find(line[0] == '[' ? ']' : '>'), line.size() - 1) + 1;
      body = std::string(line.substr(rest)) + "\n\n";  // the title is a sentence of its own
    } else if (line == "text:") {
      body.clear();  // what stands before it in a block are title and address
    } else if (passage.number > 0) {
      body += std::string(line) + "\n";
    }
  }
  if (passage.number > 0) passage.sentence = BestSentence(body, question);
  return passage;
}

}  // namespace

Prompt ReadPrompt(const cJSON* request) {
  Prompt prompt;
  const cJSON* messages = Member(request, "messages");
  const cJSON* last = nullptr;
  const cJSON* message;
  cJSON_ArrayForEach(message, messages) {
    const std::string_view role = Text(Member(message, "role"));
    prompt.after_tool = role == "tool";
    if (role == "user") last = message;
  }
  if (!last) return prompt;
  prompt.user_text = ContentText(last);
  if (prompt.user_text.find("[[") != std::string::npos) {
    prompt.tag = Marked(prompt.user_text, "[[tag:");
    prompt.script = Marked(prompt.user_text, "[[mock:");
  }
  return prompt;
}

std::string_view QuestionIn(std::string_view user_text) {
  for (const std::string_view label : {"Question:", "question:"}) {
    const size_t at = user_text.rfind(label);
    if (at == kNone) continue;
    std::string_view rest = user_text.substr(at + label.size());
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front()))) rest.remove_prefix(1);
    return rest;
  }
  return user_text;
}

PromptPassage FirstPassage(const cJSON* request, std::string_view question) {
  const cJSON* message;
  cJSON_ArrayForEach(message, Member(request, "messages")) {
    const std::string text = ContentText(message);
    if (text.find('[') == std::string::npos && text.find("<passage ") == std::string::npos) continue;
    PromptPassage passage = PassageIn(text, question);
    if (passage.number > 0) return passage;
  }
  return {};
}

namespace {

// The first JSON object in `text` that has "properties", if the words before it speak of JSON: an example in
// a document is no order.
JsonPtr SchemaIn(const std::string& text) {
  constexpr size_t kNear = 300;
  const size_t mark = text.find("\"properties\"");
  if (mark == kNone) return nullptr;
  for (size_t at = text.find('{'); at < mark; at = text.find('{', at + 1)) {
    const size_t before = at > kNear ? at - kNear : 0;
    if (text.substr(before, at - before).find("JSON") == kNone) continue;
    JsonPtr value = ParseJsonPrefix(std::string_view(text).substr(at));
    if (value && cJSON_IsObject(Member(value.get(), "properties"))) return value;
  }
  return nullptr;
}

}  // namespace

const cJSON* WantedSchema(const cJSON* request, JsonPtr& owner) {
  const cJSON* format = Member(request, "response_format");
  if (const cJSON* schema = Member(Member(format, "json_schema"), "schema")) return schema;
  const cJSON* message;
  cJSON_ArrayForEach(message, Member(request, "messages")) {
    owner = SchemaIn(ContentText(message));
    if (owner) return owner.get();
  }
  if (Text(Member(format, "type")) != "json_object") return nullptr;
  owner =
      ParseJson(R"({"type":"object","properties":{"response":{"type":"string"}},"required":["response"]})");
  return owner.get();
}

size_t PromptBytes(const cJSON* request) {
  size_t bytes = 0;
  const cJSON* message;
  cJSON_ArrayForEach(message, Member(request, "messages")) bytes += ContentText(message).size() + 8;
  return bytes;
}

}  // namespace mock
