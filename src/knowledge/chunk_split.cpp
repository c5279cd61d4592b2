#include "knowledge/chunk_split.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"
#include "knowledge/chunk.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// A fence longer than any run of backticks in `code`.
std::string FenceFor(std::string_view code) {
  size_t longest = 2, run = 0;
  for (const char c : code) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(longest + 1, '`');
}

std::string Fenced(std::string_view code, std::string_view language, std::string_view fence) {
  std::string text(fence);
  text.append(language).append("\n").append(code).append("\n").append(fence);
  return text;
}

// Cuts a run without spaces between characters. Estimates of parts never sum to
// less than that of the whole, so small slices are added up while they fit.
void CutRun(std::string_view run, int bound, std::vector<std::string>& parts) {
  while (!run.empty()) {
    size_t end = 0;
    for (int tokens = 0; end < run.size();) {
      const std::string_view slice = utf8::PrefixChars(run.substr(end), 16);
      tokens += EstimateTokens(slice);
      if (tokens > bound && end > 0) break;
      end += slice.size();
    }
    parts.emplace_back(run.substr(0, end));
    run.remove_prefix(end);
  }
}

// Cuts `text` between words into parts of at most `bound` tokens.
std::vector<std::string> CutWords(std::string_view text, int bound) {
  std::vector<std::string> parts;
  if (EstimateTokens(text) <= bound) {
    parts.emplace_back(text);
    return parts;
  }
  std::string part;
  int tokens = 0;
  const auto flush = [&] {
    if (!IsBlank(part)) parts.push_back(std::move(part));
    part.clear();
    tokens = 0;
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && SpaceLength(text, end) > 0) end += SpaceLength(text, end);
    while (end < text.size() && SpaceLength(text, end) == 0) ++end;
    const std::string_view word = text.substr(at, end - at);
    const int cost = EstimateTokens(word);
    if (tokens + cost > bound) flush();
    if (cost > bound) {
      CutRun(Trim(word), bound, parts);
    } else {
      part += part.empty() && !parts.empty() ? Trim(word) : word;
      tokens += cost;
    }
    at = end;
  }
  flush();
  return parts;
}

// Lines packed into parts of at most `bound` tokens; longer lines are cut.
std::vector<std::string> PackLines(const std::vector<std::string_view>& lines, int bound) {
  std::vector<std::string> parts;
  std::string part;
  int tokens = 0;
  const auto flush = [&] {
    if (!IsBlank(part)) parts.push_back(std::move(part));
    part.clear();
    tokens = 0;
  };
  for (const std::string_view line : lines) {
    const int cost = EstimateTokens(line);
    if (tokens + cost > bound) flush();
    if (cost > bound) {
      for (std::string& cut : CutWords(line, bound)) parts.push_back(std::move(cut));
      continue;
    }
    if (!part.empty()) part += '\n';
    part += line;
    tokens += cost;
  }
  flush();
  return parts;
}

// A code block or table that is too large to stay whole.
std::vector<std::string> CutSolid(const Block& block, int bound) {
  std::vector<std::string_view> lines = Lines(block.text);
  if (block.kind == BlockKind::kCode) {
    const std::string fence = FenceFor(block.text);
    const int frame = EstimateTokens(fence) * 2 + EstimateTokens(block.language);
    if (frame > bound / 2) return PackLines(lines, bound);  // a wall of backticks
    std::vector<std::string> parts = PackLines(lines, bound - frame);
    for (std::string& part : parts) part = Fenced(part, block.language, fence);
    return parts;
  }
  std::string header;
  if (lines.size() > 2 && lines[1].starts_with("| ---"))
    header = std::string(lines[0]) + "\n" + std::string(lines[1]) + "\n";
  if (header.empty() || EstimateTokens(header) > bound / 3) return PackLines(lines, bound);
  lines.erase(lines.begin(), lines.begin() + 2);
  std::vector<std::string> parts = PackLines(lines, bound - EstimateTokens(header));
  for (std::string& part : parts) part.insert(0, header);
  return parts;
}

// Fills passages one after the other.
class Splitter {
 public:
  Splitter(int total, int bound, int overlap) : bound_(bound), overlap_(overlap) {
    const int parts = 1 + (total - 1) / std::max(bound - overlap, 1);
    even_ = (total + (parts - 1) * overlap) / parts;  // equal parts rather than a small last one
  }

  void Add(const Piece& piece) {
    if (tokens_ > overlap_tokens_ && tokens_ >= even_) Break();
    if (tokens_ + piece.tokens <= bound_) return Append(piece);
    if (piece.solid) return AddSolid(piece);
    if (piece.tokens <= bound_ && tokens_ * 2 > bound_) {
      Break();
      MakeRoom(piece.tokens);
      return Append(piece);
    }
    AddSentences(piece);
  }

  std::vector<std::string> Finish() {
    if (tokens_ > overlap_tokens_) texts_.push_back(std::move(text_));
    return std::move(texts_);
  }

 private:
  void Append(const Piece& piece) {
    AppendPiece(text_, piece, after_list_item_);
    tokens_ += piece.tokens;
    after_list_item_ = piece.list_item;
    if (piece.solid) {
      prose_.clear();
    } else {
      prose_.append(prose_.empty() ? "" : "\n\n").append(piece.text);
    }
  }

  // Ends the passage; the next begins with the last sentences of this one.
  void Break() {
    if (tokens_ == 0) return;
    texts_.push_back(std::exchange(text_, ""));
    const std::string tail = Tail();
    text_ = prose_ = tail;
    tokens_ = overlap_tokens_ = EstimateTokens(tail);
    after_list_item_ = false;
  }

  std::string Tail() const {
    const std::vector<std::string_view> sentences = Sentences(prose_);
    size_t from = sentences.size();
    for (int tokens = 0; from > 0; --from) {
      tokens += EstimateTokens(sentences[from - 1]);
      if (tokens > overlap_) break;
    }
    std::string tail;
    for (; from < sentences.size(); ++from) tail.append(tail.empty() ? "" : " ").append(sentences[from]);
    return tail;
  }

  // Gives the repeated sentences up if `tokens` more do not fit behind it.
  void MakeRoom(int tokens) {
    if (tokens_ != overlap_tokens_ || tokens_ + tokens <= bound_) return;
    text_.clear();
    prose_.clear();
    tokens_ = overlap_tokens_ = 0;
  }

  void AddSolid(const Piece& piece) {
    if (tokens_ > overlap_tokens_) Break();
    if (piece.tokens <= bound_ * kWholeBlockFactor) {
      Append(piece);  // behind what was repeated: it often introduces the block
      if (tokens_ >= bound_) Break();
      return;
    }
    for (std::string& part : CutSolid(*piece.block, bound_)) {
      Piece cut{piece.block, std::move(part), 0, true, false};
      cut.tokens = EstimateTokens(cut.text);
      if (tokens_ + cut.tokens > bound_ && tokens_ > overlap_tokens_) Break();
      MakeRoom(cut.tokens);
      Append(cut);
    }
  }

  void AddSentences(const Piece& piece) {
    bool first = true;
    for (const std::string_view sentence : Sentences(piece.text)) {
      for (const std::string& part : CutWords(sentence, bound_)) {
        const int cost = EstimateTokens(part);
        if (tokens_ + cost > bound_ && tokens_ > overlap_tokens_) Break();
        MakeRoom(cost);
        if (!text_.empty()) text_ += first ? "\n\n" : " ";
        text_ += part;
        prose_.append(prose_.empty() ? "" : " ").append(part);
        tokens_ += cost;
        first = false;
      }
    }
    after_list_item_ = false;
  }

  const int bound_;
  const int overlap_;
  int even_;
  std::vector<std::string> texts_;
  std::string text_;
  std::string prose_;  // the prose at the end of text_
  int tokens_ = 0;
  int overlap_tokens_ = 0;  // of the repeated sentences that text_ begins with
  bool after_list_item_ = false;
};

}  // namespace

Piece RenderPiece(const Block& block) {
  Piece piece;
  piece.block = &block;
  switch (block.kind) {
    case BlockKind::kCode:
      piece.solid = true;
      piece.text = Fenced(block.text, block.language, FenceFor(block.text));
      break;
    case BlockKind::kTable:
      piece.solid = true;
      piece.text = block.text;
      break;
    case BlockKind::kListItem:
      piece.list_item = true;
      piece.text = std::string(static_cast<size_t>(std::max(block.level - 1, 0)) * 2, ' ') + block.marker +
                   " " + block.text;
      break;
    default:
      piece.text = std::string(static_cast<size_t>(block.level) * 2, ' ') + block.text;
  }
  piece.tokens = EstimateTokens(piece.text);
  return piece;
}

void AppendPiece(std::string& text, const Piece& piece, bool after_list_item) {
  if (!text.empty()) text += after_list_item && piece.list_item ? "\n" : "\n\n";
  // An indented paragraph goes on in a list item; at the beginning there is none.
  text += text.empty() && !piece.solid ? Trim(piece.text) : std::string_view(piece.text);
}

std::vector<std::string> SplitPieces(const std::vector<Piece>& pieces, int bound, int overlap) {
  int total = 0;
  for (const Piece& piece : pieces) total += piece.tokens;
  Splitter splitter(total, bound, overlap);
  for (const Piece& piece : pieces) splitter.Add(piece);
  return splitter.Finish();
}

}  // namespace capeai::knowledge
