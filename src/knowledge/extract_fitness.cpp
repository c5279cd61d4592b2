#include "knowledge/extract_fitness.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// "Run ...", "To ... ", "You must ...": a sentence that can be a step.
bool TellsToAct(std::string_view sentence) {
  static constexpr std::array<std::string_view, 44> kVerbs = {
      "add",       "allow",   "be",       "build", "call",   "change",     "check",   "choose",
      "configure", "connect", "consider", "copy",  "create", "disable",    "drop",    "edit",
      "enable",    "ensure",  "execute",  "give",  "grant",  "initialize", "install", "issue",
      "load",      "log",     "make",     "move",  "open",   "optionally", "reload",  "remove",
      "restart",   "restore", "revoke",   "run",   "save",   "set",        "specify", "start",
      "stop",      "upgrade", "use",      "verify"};
  const std::vector<std::string_view> words = Words(sentence.substr(0, 40));
  if (words.empty()) return false;
  const std::string first = LowerAscii(words[0]);
  if (first == "to" || std::find(kVerbs.begin(), kVerbs.end(), first) != kVerbs.end()) return true;
  return sentence.find("you must") != std::string_view::npos ||
         sentence.find("you should") != std::string_view::npos;
}

// Ends as sentences end, or leads on to what follows.
bool EndsClosed(std::string_view text) {
  static constexpr std::string_view kEnds = ".!?:;)\"";
  return !text.empty() && (kEnds.find(text.back()) != std::string_view::npos ||
                           static_cast<unsigned char>(text.back()) >= 0x80);
}

}  // namespace

int WordCount(std::string_view text) { return static_cast<int>(Words(text).size()); }

bool Dangles(std::string_view sentence) {
  static constexpr std::array<std::string_view, 42> kLeaning = {
      "this",      "these",      "that",         "those",       "it",          "its",
      "they",      "their",      "them",         "he",          "she",         "such",
      "however",   "but",        "and",          "or",          "so",          "thus",
      "therefore", "hence",      "also",         "moreover",    "furthermore", "additionally",
      "besides",   "similarly",  "likewise",     "instead",     "otherwise",   "nevertheless",
      "then",      "conversely", "consequently", "accordingly", "again",       "both",
      "here",      "still",      "yet",          "another",     "afterwards",  "alternatively"};
  const std::vector<std::string_view> words = Words(sentence.substr(0, 64));
  if (words.empty()) return true;
  const std::string first = LowerAscii(words[0]);
  if (std::find(kLeaning.begin(), kLeaning.end(), first) != kLeaning.end()) return true;
  const std::string begin = LowerAscii(sentence.substr(0, 24));
  for (const std::string_view phrase :
       {"in this case", "in that case", "for example", "in addition", "as a result", "for this reason",
        "in contrast", "on the other hand", "in other words", "the former", "the latter", "the following",
        "the above"})
    if (begin.starts_with(phrase)) return true;
  return !begin.empty() && begin[0] == '(';
}

double Fitness(const Unit& unit, const ExtractInput& input) {
  const std::string_view intent = input.intent;
  double fit = 1;
  const int words = WordCount(unit.text);
  const int comfortable = input.user_level == "advanced" ? 45 : 32;
  if (words < 5) fit *= 0.5;
  if (unit.kind == UnitKind::kSentence && !EndsClosed(unit.text)) fit *= 0.6;
  if (words > comfortable) fit *= static_cast<double>(comfortable) / words;
  if (Dangles(unit.text)) fit *= 0.8;
  if (unit.text.starts_with("See ") || unit.text.starts_with("(")) fit *= 0.5;
  if (unit.text.ends_with(":") && unit.code < 0) fit *= 0.4;
  if (unit.text.ends_with("?")) fit *= 0.6;
  if (unit.kind == UnitKind::kRow) fit *= 0.7;
  if (unit.under == "See Also" || unit.under == "Compatibility" || unit.under == "Synopsis") fit *= 0.3;
  if (intent == "how_to" && unit.code >= 0) fit *= 1.3;
  if (intent == "how_to" && unit.text.find("To ") == 0) fit *= 1.15;
  const bool defines =
      unit.text.find(" is a") != std::string::npos || unit.text.find(" are ") != std::string::npos;
  if ((intent == "learning" || intent == "general") && defines) fit *= 1.1;
  const bool list = input.preferred_format == "steps" || input.preferred_format == "checklist";
  if (list && TellsToAct(unit.text)) fit *= 1.5;
  return fit;
}

}  // namespace capeai::knowledge
