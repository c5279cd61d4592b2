#include "knowledge/extract_units.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "knowledge/stem.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// Passages are some kilobytes; a whole-block passage may be more. Enough for an answer.
constexpr size_t kMaxUnitsPerPassage = 400;

size_t MarkerLength(std::string_view line) {
  if (line.size() > 2 && (line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' ') return 2;
  const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  if (digits == 0 || digits > 4 || digits + 2 >= line.size()) return 0;
  return (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ' ? digits + 2 : 0;
}

// "**term**" or "## heading" alone on a line: its words; else nothing.
std::string_view InnerHeading(std::string_view line) {
  if (line.size() > 4 && line.starts_with("**") && line.ends_with("**"))
    return line.substr(2, line.size() - 4);
  const size_t hashes = std::min(line.find_first_not_of('#'), line.size());
  if (hashes == 0 || hashes > 6 || hashes + 1 >= line.size() || line[hashes] != ' ') return "";
  return Trim(line.substr(hashes));
}

// A row's cells without the bars.
std::string RowText(std::string_view line) {
  std::string text;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      text += line[++i];
    } else if (line[i] == '|') {
      if (!IsBlank(text) && !IsBlank(line.substr(i + 1))) text += " \xE2\x80\x94 ";
    } else {
      text += line[i];
    }
  }
  return CollapseSpace(text);
}

class UnitReader {
 public:
  UnitReader(const SourcePassage& passage, int index, std::vector<Unit>& units)
      : lines_(Lines(passage.text)), index_(index), first_(units.size()), units_(units) {}

  void Read() {
    while (at_ < lines_.size() && units_.size() - first_ < kMaxUnitsPerPassage) {
      const std::string_view line = Trim(lines_[at_]);
      if (line.empty()) {
        ++at_;
      } else if (line.starts_with("```")) {
        Code(line);
      } else if (line[0] == '|') {
        Table();
      } else if (const std::string_view heading = InnerHeading(line); !heading.empty()) {
        under_ = heading;
        under_term_ = line[0] == '*';
        after_item_ = introduces_ = false;
        ++at_;
      } else {
        Prose(line);
      }
    }
  }

 private:
  void Add(UnitKind kind, std::string text, std::string marker = "", std::string language = "") {
    if (IsBlank(text)) return;
    Unit unit;
    unit.kind = kind;
    unit.passage = index_;
    unit.paragraph = paragraph_;
    unit.stems = Stems(text);
    unit.text = std::move(text);
    unit.marker = std::move(marker);
    unit.language = std::move(language);
    unit.under = under_;
    unit.under_term = under_term_;
    unit.in_item = after_item_ && kind != UnitKind::kItem;
    introduces_ = kind == UnitKind::kSentence || kind == UnitKind::kItem;
    std::sort(unit.stems.begin(), unit.stems.end());
    unit.stems.erase(std::unique(unit.stems.begin(), unit.stems.end()), unit.stems.end());
    units_.push_back(std::move(unit));
  }

  void Code(std::string_view opening) {
    const size_t ticks = std::min(opening.find_first_not_of('`'), opening.size());
    const std::string_view fence = opening.substr(0, ticks);
    std::string language(Trim(opening.substr(ticks)));
    std::string code;
    for (++at_; at_ < lines_.size() && !Trim(lines_[at_]).starts_with(fence); ++at_)
      code.append(code.empty() ? "" : "\n").append(lines_[at_]);
    if (at_ < lines_.size()) ++at_;
    ++paragraph_;
    const bool introduced = introduces_;
    const size_t before = units_.size();
    if (language.empty()) language = GuessLanguage(code);
    Add(UnitKind::kCode, std::move(code), "", std::move(language));
    if (introduced && units_.size() > before) units_[before - 1].code = static_cast<int>(before);
  }

  void Table() {
    ++paragraph_;
    const bool header = at_ + 1 < lines_.size() && Trim(lines_[at_ + 1]).starts_with("| ---");
    if (header) at_ += 2;
    for (; at_ < lines_.size() && Trim(lines_[at_]).starts_with("|"); ++at_)
      Add(UnitKind::kRow, RowText(Trim(lines_[at_])));
  }

  void Prose(std::string_view line) {
    ++paragraph_;
    const size_t marker = MarkerLength(line);
    const bool indented = SpaceLength(lines_[at_], 0) > 0;
    std::string text(line.substr(marker));
    for (++at_; at_ < lines_.size(); ++at_) {
      const std::string_view next = Trim(lines_[at_]);
      if (next.empty() || next[0] == '|' || next.starts_with("```") || MarkerLength(next) > 0) break;
      text.append(" ").append(next);
    }
    if (marker > 0) {
      Add(UnitKind::kItem, std::move(text), std::string(Trim(line.substr(0, marker))));
      after_item_ = true;
      return;
    }
    after_item_ = after_item_ && indented;
    for (const std::string_view sentence : Sentences(text)) Add(UnitKind::kSentence, std::string(sentence));
  }

  const std::vector<std::string_view> lines_;
  const int index_;
  const size_t first_;
  std::vector<Unit>& units_;
  size_t at_ = 0;
  int paragraph_ = 0;
  std::string under_;
  bool under_term_ = false;
  bool after_item_ = false;  // an indented line belongs to the item before
  bool introduces_ = false;  // the unit before may introduce code
};

}  // namespace

void AppendUnits(const SourcePassage& passage, int index, std::vector<Unit>& units) {
  UnitReader(passage, index, units).Read();
}

std::string GuessLanguage(std::string_view code) {
  static constexpr std::array<std::string_view, 31> kSql = {
      "select", "insert",  "update",   "delete",  "create",  "alter",   "drop",   "grant",
      "revoke", "begin",   "commit",   "with",    "explain", "analyze", "vacuum", "copy",
      "set",    "show",    "truncate", "listen",  "notify",  "merge",   "values", "prepare",
      "lock",   "reindex", "cluster",  "comment", "do",      "execute", "declare"};
  const std::string_view trimmed = Trim(code);
  if (trimmed.empty()) return "";
  if (trimmed[0] == '$' || trimmed.starts_with("sudo ") || trimmed.starts_with("#!/bin")) return "bash";
  if (trimmed[0] == '{' && trimmed.find('"') != std::string_view::npos) return "json";
  if (trimmed.starts_with("--")) return "sql";
  const std::vector<std::string_view> words = Words(trimmed.substr(0, 200));
  if (words.empty()) return "";
  const std::string first = LowerAscii(words[0]);
  if (std::find(kSql.begin(), kSql.end(), first) != kSql.end()) return "sql";
  if (trimmed.find("=# ") < 24 || trimmed.find("=> ") < 24) return "sql";  // a psql session
  for (const std::string_view program :
       {"pg_", "psql", "createdb", "dropdb", "initdb", "postgres ", "make", "apt", "cd ", "./"})
    if (trimmed.starts_with(program) && trimmed.find(" = ") == std::string_view::npos) return "bash";
  const std::string_view line = trimmed.substr(0, std::min(trimmed.find('\n'), trimmed.size()));
  const size_t equals = line.find('=');
  if (equals != std::string_view::npos && Words(line.substr(0, equals)).size() == 1 &&
      line.find('(') == std::string_view::npos)
    return "ini";
  return "";
}

}  // namespace capeai::knowledge
