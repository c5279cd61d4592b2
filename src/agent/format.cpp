#include "agent/format.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "knowledge/text.hpp"

namespace capeai {
namespace {

enum class Marker { kNone, kNumber, kBullet, kBox };

struct Line {
  std::string text;
  bool in_fence = false;  // between fences, or a fence itself
  bool closes_fence = false;
  Marker marker = Marker::kNone;
  int number = 0;       // of a kNumber
  std::string content;  // after the marker
};

// Length of the fence ("```", "~~~~") that `line` is, or 0; `indent` blanks before it.
size_t FenceLength(std::string_view line, size_t& indent) {
  indent = std::min(line.find_first_not_of(" \t"), line.size());
  if (indent == line.size() || (line[indent] != '`' && line[indent] != '~')) return 0;
  const size_t end = std::min(line.find_first_not_of(line[indent], indent), line.size());
  return end - indent >= 3 ? end - indent : 0;
}

void ReadMarker(Line& line) {
  const std::string& text = line.text;
  const size_t indent = text.find_first_not_of(' ');
  if (indent == text.npos || indent > 3) return;
  size_t at = indent;
  while (at < text.size() && isdigit(static_cast<unsigned char>(text[at])) && at - indent < 4) ++at;
  if (at > indent && at + 1 < text.size() && (text[at] == '.' || text[at] == ')') && text[at + 1] == ' ') {
    line.marker = Marker::kNumber;
    line.number = std::stoi(text.substr(indent, at - indent));
    line.content = text.substr(
        text.find_first_not_of(' ', at + 1) == text.npos ? text.size() : text.find_first_not_of(' ', at + 1));
    return;
  }
  static const std::string kDot = "\xE2\x80\xA2 ";  // U+2022
  size_t length = 0;
  if (text.compare(indent, kDot.size(), kDot) == 0) length = kDot.size();
  if ((text[indent] == '-' || text[indent] == '*' || text[indent] == '+') &&
      text.compare(indent + 1, 1, " ") == 0)
    length = 2;
  if (length == 0) return;
  line.marker = Marker::kBullet;
  line.content = text.substr(indent + length);
  for (const char* box : {"[ ] ", "[x] ", "[X] "}) {
    if (line.content.compare(0, 4, box) != 0) continue;
    line.marker = Marker::kBox;
    line.content.erase(0, 4);
    break;
  }
}

std::vector<Line> ReadLines(const std::string& text) {
  std::vector<Line> lines;
  size_t open = 0;  // length of the fence that is open
  char sign = 0;
  for (const std::string_view view : knowledge::Lines(text)) {
    Line line;
    line.text = view;
    if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
    size_t indent = 0;
    const size_t fence = FenceLength(line.text, indent);
    line.in_fence = open > 0 || fence > 0;
    if (open == 0 && fence > 0) {
      open = fence;
      sign = line.text[indent];
    } else if (fence >= open && fence > 0 && line.text[indent] == sign &&
               line.text.find_first_not_of(" \t", indent + fence) == std::string::npos) {
      open = 0;
      line.closes_fence = true;
    }
    if (!line.in_fence) ReadMarker(line);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) text += (i ? "\n" : "") + lines[i];
  return text;
}

// The mark of the next item.
class Counter {
 public:
  explicit Counter(bool steps) : steps_(steps) {}
  std::string Next() { return steps_ ? std::to_string(++number_) + ". " : "- [ ] "; }
  void Restart() { number_ = 0; }

 private:
  const bool steps_;
  int number_ = 0;
};

// Items that carry `wanted` get new marks; a list after prose that begins with 1 again is a list of its own.
std::string Remark(const std::vector<Line>& lines, Marker wanted, bool steps) {
  Counter counter(steps);
  std::vector<std::string> out;
  bool prose_between = false;
  bool widen = false;  // lines below a bullet that became a number need one blank more to stay below it
  for (const Line& line : lines) {
    if (line.marker == wanted) {
      if (prose_between && (wanted != Marker::kNumber || line.number <= 1)) counter.Restart();
      out.push_back(counter.Next() + line.content);
      prose_between = false;
      widen = steps && wanted != Marker::kNumber;
      continue;
    }
    const bool indented = line.text.rfind("  ", 0) == 0;
    const bool blank = line.text.find_first_not_of(' ') == std::string::npos;
    if (!line.in_fence && !blank && !indented && line.marker == Marker::kNone) {
      prose_between = prose_between || line.text[0] == '#' || wanted == Marker::kNumber;
      widen = false;
    }
    out.push_back(widen && indented ? " " + line.text : line.text);
  }
  return Join(out);
}

// Each sentence becomes an item; code belongs to the item before it; headings stay.
std::string ItemsFromProse(const std::vector<Line>& lines, bool steps) {
  Counter counter(steps);
  const std::string indent = steps ? "   " : "  ";
  std::vector<std::string> out;
  std::string paragraph;
  const auto flush = [&] {
    for (const std::string_view sentence : knowledge::Sentences(paragraph))
      out.push_back(counter.Next() + knowledge::CollapseSpace(sentence));
    paragraph.clear();
  };
  for (const Line& line : lines) {
    const bool heading = !line.in_fence && line.text[0] == '#' && line.text.find("# ") != std::string::npos;
    if (!line.in_fence && !heading) {
      paragraph += line.text + "\n";
      if (line.text.find_first_not_of(' ') == std::string::npos) flush();
      continue;
    }
    flush();
    if (line.in_fence && out.empty()) out.push_back(counter.Next() + "Use this:");
    out.push_back(heading ? line.text : indent + line.text);
  }
  flush();
  return Join(out);
}

std::string AsList(const std::string& text, bool steps) {
  const std::vector<Line> lines = ReadLines(text);
  const auto has = [&](Marker marker) {
    return std::any_of(lines.begin(), lines.end(), [&](const Line& line) { return line.marker == marker; });
  };
  const Marker order_steps[] = {Marker::kNumber, Marker::kBox, Marker::kBullet};
  const Marker order_checklist[] = {Marker::kBox, Marker::kNumber, Marker::kBullet};
  for (const Marker marker : steps ? order_steps : order_checklist)
    if (has(marker)) return Remark(lines, marker, steps);
  return ItemsFromProse(lines, steps);
}

std::string Fenced(const std::string& code, const std::string& language) {
  size_t longest = 0;
  size_t run = 0;
  for (const char c : code) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(std::max<size_t>(3, longest + 1), '`');
  return fence + (language.empty() ? GuessLanguage(code) : language) + "\n" + code +
         (code.empty() || code.back() != '\n' ? "\n" : "") + fence;
}

// The longest `code` span that is more than a single word, or empty.
std::string LongestSpan(const std::string& text) {
  std::string best;
  for (size_t open = text.find('`'); open != text.npos;) {
    const size_t close = text.find('`', open + 1);
    if (close == text.npos) break;
    const std::string span = text.substr(open + 1, close - open - 1);
    if (span.find(' ') != span.npos && span.find('\n') == span.npos && span.size() > best.size()) best = span;
    open = text.find('`', close + 1);
  }
  return best;
}

std::string AsCode(const std::string& text) {
  std::vector<std::string> blocks;
  std::string prose;
  std::optional<std::string> code;
  std::string language;
  size_t indent = 0;
  for (const Line& line : ReadLines(text)) {
    size_t at = 0;
    const size_t fence = FenceLength(line.text, at);
    if (!line.in_fence) {
      if (code) blocks.push_back(Fenced(*std::exchange(code, std::nullopt), language));
      prose += line.text + "\n";
    } else if (!code) {  // the opening fence
      code.emplace();
      indent = at;
      language = knowledge::Trim(std::string_view(line.text).substr(at + fence));
      language = language.substr(0, language.find(' '));
    } else if (line.closes_fence) {
      blocks.push_back(Fenced(*std::exchange(code, std::nullopt), language));
    } else {
      *code += line.text.substr(std::min({indent, line.text.size(), at})) + "\n";
    }
  }
  if (code) blocks.push_back(Fenced(*code, language));
  if (blocks.empty()) {
    const std::string span = LongestSpan(text);
    if (span.empty()) return Fenced(text, "");
    blocks.push_back(Fenced(span, ""));
  }
  std::string out;
  for (const std::string& block : blocks) out += (out.empty() ? "" : "\n\n") + block;
  const std::string_view rest = knowledge::Trim(prose);
  return rest.empty() ? out : out + "\n\n" + std::string(rest);
}

}  // namespace

std::string FormatResponse(const std::string& text, std::string_view format) {
  if (knowledge::IsBlank(text)) return text;
  if (format == "steps") return AsList(text, true);
  if (format == "checklist") return AsList(text, false);
  if (format == "code") return AsCode(text);
  return text;
}

}  // namespace capeai
