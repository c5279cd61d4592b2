#include "knowledge/stem.hpp"

#include <algorithm>
#include <array>

#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// Sorted.
constexpr std::array<std::string_view, 119> kStopWords = {
    "a",        "about",      "actually", "all",     "also", "am",         "an",        "and",     "any",
    "anyone",   "are",        "as",       "at",      "be",   "been",       "best",      "between", "but",
    "by",       "can",        "cannot",   "could",   "did",  "difference", "different", "do",      "does",
    "doing",    "don",        "exactly",  "explain", "for",  "from",       "get",       "give",    "got",
    "had",      "has",        "have",     "how",     "i",    "if",         "in",        "into",    "is",
    "it",       "its",        "just",     "keep",    "know", "let",        "like",      "make",    "many",
    "may",      "me",         "mean",     "might",   "more", "much",       "my",        "need",    "no",
    "not",      "of",         "on",       "one",     "only", "or",         "our",       "out",     "please",
    "postgres", "postgresql", "s",        "say",     "see",  "should",     "since",     "so",      "some",
    "still",    "t",          "tell",     "than",    "that", "the",        "their",     "them",    "then",
    "there",    "these",      "they",     "this",    "to",   "too",        "up",        "us",      "use",
    "using",    "very",       "want",     "was",     "way",  "we",         "were",      "what",    "when",
    "where",    "which",      "while",    "who",     "why",  "will",       "with",      "would",   "you",
    "your",     "yours"};

bool EndsWith(std::string_view word, std::string_view ending, size_t keep) {
  return word.size() >= ending.size() + keep && word.ends_with(ending);
}

bool Vowel(char c) { return std::string_view("aeiouy").find(c) != std::string_view::npos; }

// After -ed and -ing: "running" -> "run"; but "install" keeps its ll.
void Undouble(std::string& word) {
  const size_t n = word.size();
  if (n > 3 && word[n - 1] == word[n - 2] && !Vowel(word[n - 1]) && word[n - 1] != 'l' && word[n - 1] != 's')
    word.pop_back();
}

}  // namespace

bool IsStopWord(std::string_view lower) {
  return std::binary_search(kStopWords.begin(), kStopWords.end(), lower);
}

std::string Stem(std::string_view word) {
  std::string stem = LowerAscii(word);
  if (stem.size() <= 3 || stem.find('_') != std::string::npos) return stem;
  if (EndsWith(stem, "ies", 2)) {
    stem.replace(stem.size() - 3, 3, "y");
  } else if (EndsWith(stem, "sses", 2) || EndsWith(stem, "xes", 2) || EndsWith(stem, "ches", 2)) {
    stem.resize(stem.size() - 2);
  } else if (stem.back() == 's' && !stem.ends_with("ss") && !stem.ends_with("us") && !stem.ends_with("is")) {
    stem.pop_back();
  }
  for (const std::string_view ending : {"ization", "ation", "ating", "ated", "ate", "ition", "ing", "ion",
                                        "ment", "ally", "ly", "ed", "er", "or"}) {
    if (!EndsWith(stem, ending, 3)) continue;
    stem.resize(stem.size() - ending.size());
    Undouble(stem);
    break;
  }
  if (stem.size() > 3 && (stem.back() == 'e' || stem.back() == 'y')) stem.pop_back();
  return stem;
}

std::vector<std::string> Stems(std::string_view text) {
  std::vector<std::string> stems;
  const auto add = [&](std::string_view word) {
    if (!word.empty() && !IsStopWord(LowerAscii(word))) stems.push_back(Stem(word));
  };
  for (const std::string_view word : Words(text)) {
    add(word);
    if (word.find('_') == std::string_view::npos) continue;
    for (size_t begin = 0; begin < word.size();) {
      const size_t end = std::min(word.find('_', begin), word.size());
      add(word.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return stems;
}

}  // namespace capeai::knowledge
