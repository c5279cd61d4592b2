// The inside of a section: blocks rendered as text, and a section that is too
// large cut into passages. Internal to knowledge/; see chunk.hpp for the promises.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "knowledge/document.hpp"

namespace capeai::knowledge {

// One block as it appears in a passage.
struct Piece {
  const Block* block = nullptr;
  std::string text;
  int tokens = 0;
  bool solid = false;      // code or table: stays whole
  bool list_item = false;  // follows another list item without a blank line
};

Piece RenderPiece(const Block& block);

// Appends `piece` to `text` with the blank line, or line end, that it needs.
void AppendPiece(std::string& text, const Piece& piece, bool after_list_item);

// Cuts the pieces of one section into texts of at most `bound` tokens each (solid
// pieces: see chunk.hpp), with up to `overlap` tokens of sentences repeated.
std::vector<std::string> SplitPieces(const std::vector<Piece>& pieces, int bound, int overlap);

}  // namespace capeai::knowledge
