#include "knowledge/suggest.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "knowledge/section_match.hpp"
#include "knowledge/stem.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

constexpr size_t kMaxSubjectBytes = 70;

// Headings that say where in a page they stand, not what it is about.
constexpr std::array<std::string_view, 29> kGeneric = {
    "description",     "synopsis", "notes",        "note",     "see also",    "examples",    "example",
    "parameters",      "overview", "introduction", "options",  "outputs",     "usage",       "compatibility",
    "author",          "authors",  "environment",  "files",    "exit status", "diagnostics", "read on",
    "further reading", "glossary", "preface",      "contents", "caveats",     "history",     "limitations",
    "install"};

// Begin a clause, and no name of a subject.
constexpr std::array<std::string_view, 11> kClause = {"what", "how",  "why",   "where", "when", "who",
                                                      "if",   "that", "which", "is",    "are"};

// What stands before these is what a heading is about: "index types for text search".
constexpr std::array<std::string_view, 12> kPrepositions = {"for", "of",   "to",    "in",      "on",   "with",
                                                            "by",  "from", "about", "between", "into", "at"};

// Passages that rank below this share of the best one's score suggest nothing that stands inside them.
constexpr double kNear = 0.5;

constexpr std::array<std::pair<std::string_view, std::string_view>, 44> kGerunds = {{
    {"adding", "add"},          {"altering", "alter"},        {"backing", "back"},
    {"building", "build"},      {"changing", "change"},       {"checking", "check"},
    {"choosing", "choose"},     {"configuring", "configure"}, {"connecting", "connect"},
    {"controlling", "control"}, {"creating", "create"},       {"declaring", "declare"},
    {"defining", "define"},     {"deleting", "delete"},       {"destroying", "destroy"},
    {"disabling", "disable"},   {"dropping", "drop"},         {"enabling", "enable"},
    {"executing", "execute"},   {"getting", "get"},           {"handling", "handle"},
    {"importing", "import"},    {"inserting", "insert"},      {"installing", "install"},
    {"loading", "load"},        {"managing", "manage"},       {"migrating", "migrate"},
    {"modifying", "modify"},    {"monitoring", "monitor"},    {"populating", "populate"},
    {"preventing", "prevent"},  {"querying", "query"},        {"reading", "read"},
    {"removing", "remove"},     {"restoring", "restore"},     {"running", "run"},
    {"setting", "set"},         {"starting", "start"},        {"updating", "update"},
    {"using", "use"},           {"recovering", "recover"},    {"upgrading", "upgrade"},
    {"viewing", "view"},        {"tuning", "tune"},
}};

// "Chapter 25. ", "25.1.2. ", "A.3 " at the beginning goes.
std::string_view WithoutNumber(std::string_view heading) {
  heading = Trim(heading);
  for (const std::string_view word : {"Chapter ", "Appendix ", "Part "})
    if (heading.starts_with(word)) heading.remove_prefix(word.size());
  size_t end = 0;
  bool digit = false, dot = false;
  while (end < heading.size() && (heading[end] == '.' || (heading[end] >= '0' && heading[end] <= '9') ||
                                  (end == 0 && heading[end] >= 'A' && heading[end] <= 'Z'))) {
    digit |= heading[end] >= '0' && heading[end] <= '9';
    dot |= heading[end] == '.';
    ++end;
  }
  if ((!digit && !dot) || end == heading.size() || SpaceLength(heading, end) == 0) return heading;
  return Trim(heading.substr(end));
}

// "Kernel" -> "kernel"; but "SQL", "PostgreSQL", "TOAST" and "work_mem" stay.
std::string Uncapitalized(std::string_view word) {
  const bool capital = !word.empty() && word[0] >= 'A' && word[0] <= 'Z';
  const bool plain = std::all_of(word.begin() + (word.empty() ? 0 : 1), word.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  return capital && plain && (word.size() > 1 || word == "A") ? LowerAscii(word) : std::string(word);
}

std::vector<std::string> SpacedWords(std::string_view text) {
  std::vector<std::string> words;
  const std::string line = CollapseSpace(text);
  for (size_t begin = 0; begin < line.size();) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string Join(const std::vector<std::string>& words, size_t from) {
  std::string text;
  for (size_t i = from; i < words.size(); ++i) text.append(text.empty() ? "" : " ").append(words[i]);
  return text;
}

bool Plural(std::string_view word) {
  return word.size() > 3 && word.back() == 's' && !word.ends_with("ss") && !word.ends_with("us") &&
         !word.ends_with("is");
}

// "Streaming replication", "row security": no article.
bool Uncountable(std::string_view word) {
  for (const std::string_view ending : {"ing", "ation", "ity", "ance", "ence", "ment"})
    if (word.ends_with(ending)) return true;
  return false;
}

template <size_t n>
bool IsOneOf(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "Set the API key", not "Check Constraints": a verb, then a small letter.
bool TellsToAct(const std::vector<std::string>& words) {
  if (words.size() < 2 || words[1][0] < 'a' || words[1][0] > 'z') return false;
  const std::string first = LowerAscii(words[0]);
  for (const std::string_view verb :
       {"ask", "listen", "put", "try", "wait", "submit", "write", "start", "stop"})
    if (first == verb) return true;
  return std::any_of(kGerunds.begin(), kGerunds.end(),
                     [&](const auto& pair) { return pair.second == first; });
}

// The word that a noun phrase is about: the last one before a preposition.
const std::string& Head(const std::vector<std::string>& words) {
  for (size_t i = 1; i < words.size(); ++i)
    if (IsOneOf(kPrepositions, words[i])) return words[i - 1];
  return words.back();
}

bool AllCapitals(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// The heading that names a subject: the innermost that is not generic.
std::string_view Subject(const SourcePassage& passage) {
  std::string_view path = passage.heading;
  while (!path.empty()) {
    const std::string_view last = LastHeading(path);
    const std::string lower = LowerAscii(WithoutNumber(last));
    if (std::find(kGeneric.begin(), kGeneric.end(), lower) == kGeneric.end()) return last;
    path = path.substr(0, path.size() - last.size());
    if (path.ends_with(" > ")) path.remove_suffix(3);
  }
  return passage.title;
}

}  // namespace

std::string QuestionFromHeading(std::string_view heading) {
  std::string_view text = WithoutNumber(heading);
  if (text.ends_with("?")) return std::string(text);
  if (const size_t bracket = text.find(" ("); bracket != std::string_view::npos)
    text = text.substr(0, bracket);
  for (const std::string_view end : {", ", ": "})
    text = text.substr(0, std::min(text.find(end), text.size()));
  if (text.size() < 2 || text.size() > kMaxSubjectBytes || Words(text).empty()) return "";
  std::vector<std::string> words = SpacedWords(text);
  if (IsOneOf(kGeneric, LowerAscii(text)) || IsOneOf(kPrepositions, LowerAscii(words[0]))) return "";
  if (words.size() == 1 && text.find('_') != std::string_view::npos) return "What does " + words[0] + " do?";
  if (text[0] == '-') return "";  // an option of some program
  if (AllCapitals(text) && words.size() == 1) return "What does " + words[0] + " do?";
  if (AllCapitals(text)) return "How do I use " + std::string(text) + "?";
  const bool act = TellsToAct(words);
  for (std::string& word : words) word = Uncapitalized(word);
  if (act) return "How do I " + Join(words, 0) + "?";
  if (words.size() > 2 && words[0] == "how" && words[1] == "to") return "How do I " + Join(words, 2) + "?";
  if (std::any_of(words.begin(), words.end(), [](const std::string& word) { return IsOneOf(kClause, word); }))
    return "";
  for (const auto& [gerund, verb] : kGerunds)
    if (words.size() > 1 && words[0] == gerund)
      return "How do I " + std::string(verb) + " " + Join(words, 1) + "?";
  const bool several = std::find(words.begin(), words.end(), "and") != words.end();
  if ((words[0].ends_with("ing") && words.size() > 1) || several || words[0] == "some")
    return "What should I know about " + Join(words, 0) + "?";
  const std::string& head = Head(words);
  const bool article = words[0] == "the" || words[0] == "a" || words[0] == "an";
  const bool one_name = words.size() == 1 && !(Plural(words[0]) && text[0] >= 'A' && text[0] <= 'Z');
  if (Plural(head) && !one_name)
    return std::string("What are ") + (&head == &words.back() ? "" : "the ") + Join(words, 0) + "?";
  if (one_name || article || Uncountable(head)) return "What is " + Join(words, 0) + "?";
  return "What is the " + Join(words, 0) + "?";
}

std::vector<std::string> SuggestQuestions(std::string_view query, const std::vector<SourcePassage>& passages,
                                          const std::vector<int>& used, size_t limit) {
  const std::vector<std::string> asked_list = Stems(query);
  const std::set<std::string> asked(asked_list.begin(), asked_list.end());
  std::vector<std::string> questions;
  std::set<std::string> seen;
  const auto add = [&](std::string_view heading) {
    const std::string question = QuestionFromHeading(heading);
    const std::vector<std::string> stems = Stems(question);
    if (question.empty() || questions.size() >= limit || stems.empty()) return;
    const bool repeats = std::all_of(stems.begin(), stems.end(),
                                     [&](const std::string& stem) { return asked.count(stem) > 0; });
    if (!repeats && seen.insert(LowerAscii(question)).second) questions.push_back(question);
  };
  double best = 0;
  for (const SourcePassage& passage : passages) best = std::max(best, passage.score);
  // Headings that are questions already serve best, those inside of passages too.
  for (const SourcePassage& passage : passages) {
    if (passage.score < best * kNear) continue;
    if (const std::string_view subject = Subject(passage); subject.ends_with("?")) add(subject);
    for (const std::string_view line : Lines(passage.text))
      if (line.starts_with("#") && line.ends_with("?"))
        add(Trim(line.substr(std::min(line.find_first_not_of('#'), line.size()))));
  }
  const auto is_used = [&](size_t i) {
    return std::find(used.begin(), used.end(), static_cast<int>(i)) != used.end();
  };
  for (size_t i = 0; i < passages.size(); ++i)
    if (!is_used(i)) add(Subject(passages[i]));
  for (size_t n = 1; n < used.size(); ++n)
    add(Subject(passages[static_cast<size_t>(used[n])]));  // the first was the answer
  return questions;
}

}  // namespace capeai::knowledge
