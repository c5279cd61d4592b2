// Puts the answer together. What is chosen: extract_select.hpp.
#include "knowledge/extract.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.hpp"
#include "knowledge/evidence.hpp"
#include "knowledge/extract_select.hpp"
#include "knowledge/extract_units.hpp"
#include "knowledge/suggest.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

constexpr int kMaxTextWords = 120;
constexpr int kMaxListWords = 160;
constexpr size_t kMaxListItems = 12;
constexpr size_t kMaxSuggestions = 3;
// Passages that are read; what ranks behind them is for suggestions only.
constexpr size_t kMaxRead = 8;
// Code shown under a sentence, and as an answer of its own, in lines.
constexpr size_t kMaxInlineCodeLines = 12;
constexpr size_t kMaxCodeLines = 40;
// The chosen sentences and their headings must hold so much of the question (see evidence.hpp).
constexpr double kLeastCovered = 0.35;
// Who finds every word of a question in one place needs less evidence besides.
constexpr double kWholeQuestion = 0.9;
constexpr double kFaintEvidence = kLeastEvidence / 2;
// Code must speak of this share of what the chosen sentences speak of.
constexpr double kCodeCoverage = 0.7;

constexpr std::string_view kNotice =
    "This is an extract of the documentation: its sentences were chosen by search, and no model was asked.";

constexpr std::string_view kDoubt =
    " It meets the question only in part; the answer may stand elsewhere, or nowhere.";

class Composer {
 public:
  Composer(const ExtractInput& input, const std::vector<Unit>& units) : input_(input), units_(units) {}

  // Paragraphs, one for each passage, each with its source's number.
  void Text(const std::vector<int>& chosen) {
    int passage = -1;
    std::string under;
    for (const int i : chosen) {
      const Unit& unit = units_[static_cast<size_t>(i)];
      if (unit.passage != passage) {
        Cite(passage);
        NewBlock();
        under.clear();
      } else {
        Separate(unit);
      }
      passage = unit.passage;
      Use(passage);
      if (unit.kind == UnitKind::kCode) {
        if (body_.size() > 0 && body_.back() != '\n') NewBlock();
        Fence(unit, "", kMaxInlineCodeLines);
        continue;
      }
      if (unit.kind == UnitKind::kItem) body_ += Counts(chosen, unit.passage) ? unit.marker + " " : "- ";
      if (unit.under_term && unit.under != under) body_ += unit.under + ": ";
      under = unit.under;
      body_ += unit.text;
      after_item_ = unit.kind == UnitKind::kItem || unit.kind == UnitKind::kRow;
      InlineCode(unit, "");
    }
    Cite(passage);
  }

  // One line for each unit: "1. ..." or "- [ ] ...".
  void List(const std::vector<int>& chosen, bool checklist) {
    int number = 0;
    for (const int i : chosen) {
      const Unit& unit = units_[static_cast<size_t>(i)];
      Use(unit.passage);
      if (!body_.empty()) body_ += '\n';
      body_ += checklist ? "- [ ] " : std::to_string(++number) + ". ";
      if (unit.kind == UnitKind::kCode) {
        body_ += "See this code: [" + std::to_string(Number(unit.passage)) + "]\n";
        Fence(unit, checklist ? "  " : "   ", kMaxInlineCodeLines);
        continue;
      }
      if (unit.under_term && unit.kind != UnitKind::kItem) body_ += unit.under + ": ";
      body_ += unit.text + Detail(static_cast<size_t>(i)) + " [" + std::to_string(Number(unit.passage)) + "]";
      InlineCode(unit, checklist ? "  " : "   ");
    }
  }

  // A fenced block, behind the sentence that introduces it; as a list, the one item of it.
  void Code(int i, bool list, bool checklist) {
    const Unit& code = units_[static_cast<size_t>(i)];
    Use(code.passage);
    const bool introduced = i > 0 && units_[static_cast<size_t>(i - 1)].code == i;
    const std::string source = "[" + std::to_string(Number(code.passage)) + "]";
    if (list) {
      body_ += checklist ? "- [ ] " : "1. ";
      body_ +=
          (introduced ? units_[static_cast<size_t>(i - 1)].text : "See this code:") + " " + source + "\n";
      return Fence(code, checklist ? "  " : "   ", kMaxCodeLines);
    }
    if (introduced) body_ += units_[static_cast<size_t>(i - 1)].text + "\n\n";
    Fence(code, "", kMaxCodeLines);
    body_ += "\n\nFrom " + source + ".";
  }

  void Say(std::string_view text) { body_.append(body_.empty() ? "" : "\n\n").append(text); }

  std::vector<int> TakeUsed() { return std::move(used_); }

  std::string Finish(bool fair) const {
    std::string text = body_ + "\n\nSources:";
    for (size_t n = 0; n < used_.size(); ++n) {
      const SourcePassage& passage = input_.passages[static_cast<size_t>(used_[n])];
      text += "\n[" + std::to_string(n + 1) + "] " + Label(passage);
      if (!passage.url.empty()) text += " - " + passage.url;
    }
    return text.append("\n\n").append(kNotice).append(fair ? "" : kDoubt);
  }

 private:
  static std::string Label(const SourcePassage& passage) {
    std::string_view heading = passage.heading;
    if (heading.starts_with(passage.title)) {
      heading.remove_prefix(passage.title.size());
      if (heading.starts_with(" > ")) heading.remove_prefix(3);
    }
    if (passage.title.empty()) return heading.empty() ? "(untitled)" : std::string(heading);
    return heading.empty() ? passage.title : passage.title + " > " + std::string(heading);
  }

  // Whether the chosen items of a passage are numbered 1, 2, 3 ...; a list with gaps loses its numbers.
  bool Counts(const std::vector<int>& chosen, int passage) const {
    int number = 0;
    for (const int i : chosen) {
      const Unit& unit = units_[static_cast<size_t>(i)];
      if (unit.passage != passage || unit.kind != UnitKind::kItem) continue;
      if (!unit.marker.starts_with(std::to_string(++number)) || unit.marker.size() < 2) return false;
    }
    return true;
  }

  // What explains a list item that is only a title: the sentence that follows it inside.
  std::string Detail(size_t i) const {
    if (units_[i].kind != UnitKind::kItem || Words(units_[i].text).size() > 8 || i + 1 >= units_.size())
      return "";
    const Unit& next = units_[i + 1];
    const bool explains =
        next.in_item && next.kind == UnitKind::kSentence && next.passage == units_[i].passage;
    if (!explains || Words(next.text).size() > 40 || next.text.ends_with(":")) return "";
    return (units_[i].text.ends_with(".") ? " " : ": ") + next.text;
  }

  // Passages of one section are one source.
  bool SameSource(int a, int b) const {
    const SourcePassage& one = input_.passages[static_cast<size_t>(a)];
    const SourcePassage& other = input_.passages[static_cast<size_t>(b)];
    return one.title == other.title && one.heading == other.heading && one.url == other.url;
  }

  std::vector<int>::const_iterator Source(int passage) const {
    return std::find_if(used_.begin(), used_.end(), [&](int other) { return SameSource(passage, other); });
  }

  void Use(int passage) {
    if (Source(passage) == used_.end()) used_.push_back(passage);
  }

  size_t Number(int passage) const { return static_cast<size_t>(Source(passage) - used_.begin()) + 1; }

  void NewBlock() {
    if (!body_.empty()) body_ += "\n\n";
    after_item_ = false;
  }

  void Separate(const Unit& unit) {
    const bool item = unit.kind == UnitKind::kItem || unit.kind == UnitKind::kRow;
    const bool closed = std::string_view(".!?:;").find(body_.back()) != std::string_view::npos;
    if (body_.ends_with("```") || (item && !after_item_) || (!closed && !after_item_)) {
      body_ += "\n\n";
    } else {
      body_ += item || after_item_ ? "\n" : " ";
    }
  }

  void Cite(int passage) {
    if (body_.empty() || passage < 0) return;
    body_.append(body_.ends_with("```") ? "\n" : " ").append("[" + std::to_string(Number(passage)) + "]");
  }

  void InlineCode(const Unit& unit, std::string_view indent) {
    if (unit.code < 0) return;
    const Unit& code = units_[static_cast<size_t>(unit.code)];
    if (Lines(code.text).size() > kMaxInlineCodeLines) return;
    body_ += "\n";
    if (indent.empty()) body_ += "\n";
    Fence(code, indent, kMaxInlineCodeLines);
  }

  void Fence(const Unit& code, std::string_view indent, size_t max_lines) {
    std::string fence = "```";
    while (code.text.find(fence) != std::string::npos) fence += '`';
    body_.append(indent).append(fence).append(code.language);
    size_t n = 0;
    for (const std::string_view line : Lines(code.text)) {
      if (++n > max_lines) {
        body_.append("\n").append(indent).append("...");
        break;
      }
      body_.append("\n").append(indent).append(line);
    }
    body_.append("\n").append(indent).append(fence);
  }

  const ExtractInput& input_;
  const std::vector<Unit>& units_;
  std::string body_;
  std::vector<int> used_;
  bool after_item_ = false;
};

ExtractiveAnswer Nothing(const ExtractInput& input) {
  ExtractiveAnswer answer;
  answer.response =
      "The documentation that was searched does not answer this question. Documents about it can be added "
      "with "
      "capeai_add_document or capeai_load_directory; other words for the same thing may also find more.\n\n"
      "No model was asked.";
  answer.suggestions =
      SuggestQuestions(input.query, input.passages, {}, input.passages.empty() ? 0 : kMaxSuggestions);
  return answer;
}

}  // namespace

ExtractiveAnswer Extract(const ExtractInput& input) {
  std::vector<Unit> units;
  double best_score = 0;
  for (size_t i = 0; i < input.passages.size() && i < kMaxRead; ++i) {
    AppendUnits(input.passages[i], static_cast<int>(i), units);
    best_score = std::max(best_score, input.passages[i].score);
  }
  const double evidence =
      Evidence(best_score, TellingWords(input.searched.empty() ? input.query : input.searched));
  if (evidence < kFaintEvidence) return Nothing(input);

  const QueryTerms terms(input.query, units);
  const size_t asked = TellingWords(input.query);
  const auto enough = [&](const Selection& selection) {
    if (evidence < kLeastEvidence && selection.coverage < kWholeQuestion) return false;
    return !selection.units.empty() && Evidence(selection.coverage, asked) >= kLeastCovered;
  };
  const bool list = input.preferred_format == "steps" || input.preferred_format == "checklist";
  const bool wants_code = input.preferred_format == "code";
  Selection selection = SelectUnits(input, terms, units, list ? kMaxListWords : kMaxTextWords);
  const bool prose = enough(selection);
  const Selection code =
      prose && !wants_code ? Selection()
                           : SelectCode(input, terms, units, prose ? kCodeCoverage * selection.coverage : 0);
  if (!prose && !enough(code)) return Nothing(input);

  Composer composer(input, units);
  if (!code.units.empty()) {
    composer.Code(code.units[0], list, input.preferred_format == "checklist");
    selection = code;
  } else if (list) {
    std::vector<int> items = SelectList(input, terms, units);
    if (items.size() > kMaxListItems) items.resize(kMaxListItems);
    composer.List(items.empty() ? selection.units : items, input.preferred_format == "checklist");
  } else {
    composer.Text(selection.units);
    if (wants_code) composer.Say("The passages found hold no code for this.");
  }
  ExtractiveAnswer answer;
  answer.response = utf8::Repair(composer.Finish(evidence >= kFairEvidence)).text;
  answer.used_passages = composer.TakeUsed();
  answer.strength = 1 - std::exp(-Evidence(selection.coverage, asked));
  answer.suggestions = SuggestQuestions(input.query, input.passages, answer.used_passages, kMaxSuggestions);
  return answer;
}

}  // namespace capeai::knowledge
