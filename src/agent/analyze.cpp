// The first step: what kind of question it is, and what to search for. Rules
// over words, readable in one sitting; no model, no index, no clock.
#include <algorithm>
#include <array>
#include <set>

#include "agent/agent.hpp"

namespace capeai {
namespace {

// In lower case: letters, digits and bytes of other alphabets; apostrophes are dropped ("can't" is "cant").
std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : std::string(text) + " ") {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || isalnum(byte)) {
      word += static_cast<char>(byte < 0x80 ? tolower(byte) : byte);
    } else if (c != '\'' && !word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

struct Rule {
  const char* intent;
  int weight;
  const char* phrase;  // words that follow each other
};

// Weights add up; the intent with the highest sum wins, the earlier one on a tie.
constexpr const char* kIntents[] = {"troubleshooting", "how_to", "navigation", "learning"};
constexpr Rule kRules[] = {
    {"troubleshooting", 4, "error"},
    {"troubleshooting", 4, "errors"},
    {"troubleshooting", 4, "fails"},
    {"troubleshooting", 4, "failed"},
    {"troubleshooting", 3, "failing"},
    {"troubleshooting", 4, "failure"},
    {"troubleshooting", 4, "broken"},
    {"troubleshooting", 4, "crash"},
    {"troubleshooting", 4, "crashes"},
    {"troubleshooting", 4, "crashed"},
    {"troubleshooting", 4, "fix"},
    {"troubleshooting", 4, "problem"},
    {"troubleshooting", 4, "issue"},
    {"troubleshooting", 4, "wrong"},
    {"troubleshooting", 4, "stuck"},
    {"troubleshooting", 4, "hangs"},
    {"troubleshooting", 4, "cant"},
    {"troubleshooting", 4, "cannot"},
    {"troubleshooting", 4, "doesnt"},
    {"troubleshooting", 4, "wont"},
    {"troubleshooting", 4, "isnt"},
    {"troubleshooting", 4, "not work"},
    {"troubleshooting", 4, "not working"},
    {"troubleshooting", 4, "unable"},
    {"troubleshooting", 4, "denied"},
    {"troubleshooting", 4, "troubleshoot"},
    {"troubleshooting", 4, "debug"},
    {"troubleshooting", 3, "timeout"},
    {"troubleshooting", 3, "slow"},
    {"troubleshooting", 2, "why"},
    {"how_to", 3, "how do"},
    {"how_to", 3, "how to"},
    {"how_to", 3, "how can"},
    {"how_to", 3, "how should"},
    {"how_to", 3, "how would"},
    {"how_to", 2, "steps"},
    {"how_to", 1, "create"},
    {"how_to", 1, "add"},
    {"how_to", 1, "configure"},
    {"how_to", 1, "install"},
    {"how_to", 1, "set up"},
    {"how_to", 1, "setup"},
    {"how_to", 1, "enable"},
    {"how_to", 1, "disable"},
    {"how_to", 1, "delete"},
    {"how_to", 1, "change"},
    {"how_to", 1, "write"},
    {"how_to", 1, "show me how"},
    {"navigation", 4, "where"},
    {"navigation", 3, "go to"},
    {"navigation", 3, "navigate"},
    {"navigation", 2, "find the"},
    {"navigation", 3, "which page"},
    {"navigation", 3, "which menu"},
    {"navigation", 2, "menu"},
    {"navigation", 1, "link"},
    {"navigation", 3, "take me"},
    {"navigation", 2, "open the"},
    {"learning", 3, "what is"},
    {"learning", 3, "what are"},
    {"learning", 3, "whats"},
    {"learning", 3, "what does"},
    {"learning", 4, "explain"},
    {"learning", 3, "learn"},
    {"learning", 3, "understand"},
    {"learning", 4, "difference between"},
    {"learning", 3, "mean"},
    {"learning", 3, "tutorial"},
    {"learning", 3, "introduction"},
    {"learning", 3, "overview"},
    {"learning", 3, "concept"},
    {"learning", 2, "tell me about"},
    {"learning", 2, "how does"},
    {"learning", 2, "how is"},
};

const std::set<std::string>& StopWords() {
  static const auto* words = new std::set<std::string>{
      "a",     "about",  "am",     "an",    "and",  "any",  "are",  "as",    "at",    "be",   "been",
      "but",   "by",     "can",    "could", "did",  "do",   "does", "for",   "from",  "get",  "had",
      "has",   "have",   "help",   "here",  "how",  "i",    "if",   "in",    "into",  "is",   "it",
      "its",   "me",     "more",   "my",    "no",   "not",  "now",  "of",    "on",    "one",  "or",
      "our",   "please", "should", "so",    "some", "tell", "that", "the",   "them",  "then", "there",
      "these", "they",   "this",   "those", "to",   "too",  "use",  "using", "was",   "we",   "what",
      "whats", "when",   "where",  "which", "who",  "why",  "will", "with",  "would", "you",  "your"};
  return *words;
}

std::vector<std::string> ContentWords(std::string_view text) {
  std::vector<std::string> words = WordsOf(text);
  std::erase_if(words, [](const std::string& word) { return StopWords().count(word) > 0; });
  return words;
}

// Whether `line`, words with a space before and behind each, has those of `phrase`.
bool HasPhrase(std::string_view line, std::string_view phrase) {
  for (size_t at = line.find(phrase); at != line.npos; at = line.find(phrase, at + 1))
    if (line[at - 1] == ' ' && line[at + phrase.size()] == ' ') return true;
  return false;
}

std::string Classify(const std::vector<std::string>& words) {
  std::string line = " ";
  for (const std::string& word : words) line += word + " ";
  std::string best = "general";
  int best_sum = 0;
  for (const char* intent : kIntents) {
    int sum = 0;
    for (const Rule& rule : kRules)
      if (std::string_view(rule.intent) == intent && HasPhrase(line, rule.phrase)) sum += rule.weight;
    if (sum > best_sum) {
      best = intent;
      best_sum = sum;
    }
  }
  return best;
}

// Words of the page's last two path segments, without the host, extension or numbers.
std::vector<std::string> PageWords(std::string page) {
  if (const size_t scheme = page.find("://"); scheme != page.npos) {
    const size_t path = page.find('/', scheme + 3);
    page = path == page.npos ? "" : page.substr(path);
  }
  page = page.substr(0, page.find_first_of("?#"));
  if (const size_t dot = page.rfind('.'); dot != page.npos && page.size() - dot <= 5) page.resize(dot);
  size_t from = page.size();
  for (int segments = 0; segments < 2 && from != page.npos && from > 0; ++segments)
    from = page.rfind('/', from - 1);
  std::vector<std::string> words = ContentWords(from == page.npos ? page : page.substr(from));
  std::erase_if(words, [](const std::string& word) {
    return word == "index" ||
           std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  });
  return words;
}

// A question of so many telling words is searched as it stands; the page is then only a prior of the search
// itself. One that points back at what was said must have more of them.
constexpr size_t kTellingWords = 3;
constexpr size_t kTellingWordsOfFollowUp = 6;

// "And how do I stop it?"
bool PointsBack(const std::vector<std::string>& words) {
  static const auto* pronouns = new std::set<std::string>{"it",   "its",  "that",  "this", "these", "those",
                                                          "they", "them", "their", "one",  "ones"};
  if (!words.empty() && (words[0] == "and" || words[0] == "also" || words[0] == "then")) return true;
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return pronouns->count(word) > 0; });
}

// What to add to a question that says too little by itself ("how do I use this?"): words of the last question
// of the conversation that says enough and of those after it, of the page, of the features in use.
std::vector<std::string> Hints(const Json& context, const std::vector<Turn>& history) {
  std::vector<std::string> hints;
  for (size_t i = history.size(); i-- > 0;) {
    const std::vector<std::string> words = ContentWords(history[i].query);
    hints.insert(hints.begin(), words.begin(), words.end());
    if (words.size() >= kTellingWords && !PointsBack(WordsOf(history[i].query))) break;
  }
  for (std::string& word : PageWords(context["current_page"].string_or(""))) hints.push_back(std::move(word));
  const Json features = context["features_used"];
  for (size_t i = 0; i < std::min<size_t>(features.size(), 2); ++i)
    for (std::string& word : ContentWords(features[i].string_or(""))) hints.push_back(std::move(word));
  return hints;
}

}  // namespace

Analysis AnalyzeContext(const Json& input, const std::vector<Turn>& history) {
  constexpr size_t kMaxHints = 4;
  const std::string query = input["query"].string_or("");
  const Json context = input["context"];
  Analysis analysis;
  analysis.intent = Classify(WordsOf(query));
  analysis.search_query = query;
  const std::vector<std::string> telling = ContentWords(query);
  Json added = Json::Array();
  const bool follows = !history.empty() && PointsBack(WordsOf(query));
  if (telling.size() < (follows ? kTellingWordsOfFollowUp : kTellingWords)) {
    std::set<std::string> seen(telling.begin(), telling.end());
    for (const std::string& hint : Hints(context, history)) {
      if (added.size() == kMaxHints) break;
      if (!seen.insert(hint).second) continue;
      analysis.search_query += " " + hint;
      added.Push(Json::String(hint));
    }
  }
  analysis.output = Json::Object()
                        .Set("intent", Json::String(analysis.intent))
                        .Set("search_query", Json::String(analysis.search_query))
                        .Set("added_words", added);
  for (const char* name : {"current_page", "user_role", "features_used"})
    if (const Json value = context[name]) analysis.output.Set(name, value);
  if (const Json level = input["user_level"]) analysis.output.Set("user_level", level);
  return analysis;
}

}  // namespace capeai
