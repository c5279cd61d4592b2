#include "knowledge/chunk.hpp"

#include <algorithm>
#include <utility>

#include "knowledge/chunk_split.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// A heading on the way to a section. Two with the same words are still two.
struct Step {
  size_t id;
  int level;  // 1..6, terms above
  std::string_view text;
};

struct Section {
  std::vector<Step> path;
  std::vector<Piece> pieces;
  int tokens = 0;
};

constexpr int kDeepestHeading = 6;

bool IsPrefix(const std::vector<Step>& prefix, const std::vector<Step>& path) {
  return prefix.size() <= path.size() &&
         std::equal(prefix.begin(), prefix.end(), path.begin(),
                    [](const Step& a, const Step& b) { return a.id == b.id; });
}

size_t CommonLength(const std::vector<Step>& a, const std::vector<Step>& b) {
  size_t n = 0;
  while (n < a.size() && n < b.size() && a[n].id == b[n].id) ++n;
  return n;
}

// The blocks under each heading or term. Sections that only hold a heading whose
// subsections follow are left out: their heading is in the paths of those.
std::vector<Section> SectionsOf(const Document& document) {
  std::vector<Section> sections;
  std::vector<Step> path;
  const auto open = [&] {
    if (!sections.empty() && sections.back().pieces.empty() && IsPrefix(sections.back().path, path))
      sections.pop_back();
    sections.push_back({path, {}, 0});
  };
  for (size_t i = 0; i < document.blocks.size(); ++i) {
    const Block& block = document.blocks[i];
    const bool heading = block.kind == BlockKind::kHeading;
    const bool term = block.kind == BlockKind::kTerm;
    // A term ends with its list: what lies in fewer lists is below fewer terms.
    const int level = heading ? block.level : kDeepestHeading + block.term + (term ? 0 : 1);
    const size_t before = path.size();
    while (!path.empty() && path.back().level >= level) path.pop_back();
    if (heading || term) path.push_back({i, level, block.text});
    if (heading || term || sections.empty() || path.size() != before) open();
    if (heading || term) continue;
    sections.back().pieces.push_back(RenderPiece(block));
    sections.back().tokens += sections.back().pieces.back().tokens;
  }
  return sections;
}

std::string JoinPath(const std::vector<Step>& path, size_t length) {
  std::string joined;
  for (size_t i = 0; i < length; ++i) joined.append(i == 0 ? "" : " > ").append(path[i].text);
  return joined;
}

std::string HeadingLine(const Step& step) {
  if (step.level > kDeepestHeading) return "**" + std::string(step.text) + "**";
  return std::string(static_cast<size_t>(step.level), '#') + " " + std::string(step.text);
}

int LineTokens(const std::vector<Step>& path, size_t from) {
  int tokens = 0;
  for (size_t i = from; i < path.size(); ++i) tokens += EstimateTokens(HeadingLine(path[i]));
  return tokens;
}

// Neighbouring sections that become one passage.
class Group {
 public:
  explicit Group(int bound) : bound_(bound) {}

  bool empty() const { return sections_.empty(); }

  bool Accepts(const Section& section) const {
    const size_t near = CommonLength(sections_.back()->path, section.path);
    const size_t common = std::min(common_, near);
    const bool bare = bare_ && section.pieces.empty();  // headings without text
    if (common == 0 && !bare && !(section.path.empty() && sections_.back()->path.empty())) return false;
    const int added = section.tokens + LineTokens(section.path, near);
    if (tokens_ + LineTokens(sections_.front()->path, common) + added > bound_) return false;
    const int small = bound_ / 3;
    const bool widens = common < common_ && sections_.size() > 1;  // would leave the heading that they share
    if (widens) return tokens_ <= small && added <= small;
    return tokens_ <= small || added <= small;
  }

  void Add(const Section& section) {
    if (empty()) {
      common_ = section.path.size();
      tokens_ = section.tokens;
    } else {
      const size_t near = CommonLength(sections_.back()->path, section.path);
      common_ = std::min(common_, near);
      tokens_ += section.tokens + LineTokens(section.path, near);
    }
    bare_ = (sections_.empty() || bare_) && section.pieces.empty();
    sections_.push_back(&section);
  }

  // Appends the passages that the group makes, and empties it.
  void Finish(int overlap, std::vector<Chunk>& chunks) {
    if (empty()) return;
    const std::string heading = JoinPath(sections_.front()->path, common_);
    if (sections_.size() == 1 && sections_.front()->tokens > bound_) {
      for (std::string& text : SplitPieces(sections_.front()->pieces, bound_, overlap))
        Emit(heading, std::move(text), chunks);
    } else {
      Emit(heading, Render(), chunks);
    }
    sections_.clear();
  }

 private:
  static void Emit(const std::string& heading, std::string text, std::vector<Chunk>& chunks) {
    const int tokens = EstimateTokens(text);
    chunks.push_back({heading, std::move(text), static_cast<int>(chunks.size()), tokens});
  }

  // The sections' text, with the headings below the shared ones between them.
  std::string Render() const {
    std::string text;
    const Section* previous = nullptr;
    for (const Section* section : sections_) {
      size_t shown = previous == nullptr ? common_ : CommonLength(previous->path, section->path);
      for (; shown < section->path.size(); ++shown)
        text.append(text.empty() ? "" : "\n\n").append(HeadingLine(section->path[shown]));
      bool after_list_item = false;
      for (const Piece& piece : section->pieces) {
        AppendPiece(text, piece, after_list_item);
        after_list_item = piece.list_item;
      }
      previous = section;
    }
    return text.empty() ? std::string(sections_.front()->path.back().text) : text;  // a heading alone
  }

  const int bound_;
  std::vector<const Section*> sections_;
  size_t common_ = 0;  // steps that all paths share
  bool bare_ = false;  // no section has a body
  int tokens_ = 0;     // of the text, without the first section's own heading lines
};

}  // namespace

std::vector<Chunk> CutPassages(const Document& document, const ChunkOptions& options) {
  const int bound = std::clamp(options.passage_tokens, 32, 8192);
  const int overlap = std::clamp(options.overlap_tokens, 0, bound / 2);
  const std::vector<Section> sections = SectionsOf(document);
  std::vector<Chunk> chunks;
  Group group(bound);
  for (const Section& section : sections) {
    if (!group.empty() && !group.Accepts(section)) group.Finish(overlap, chunks);
    group.Add(section);
  }
  group.Finish(overlap, chunks);
  return chunks;
}

}  // namespace capeai::knowledge
