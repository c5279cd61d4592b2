// A passage's text taken apart into what an answer is put together from:
// sentences, list items, table rows, code. Internal to the extractive answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "knowledge/extract.hpp"

namespace capeai::knowledge {

enum class UnitKind { kSentence, kItem, kRow, kCode };

struct Unit {
  UnitKind kind = UnitKind::kSentence;
  int passage = 0;                 // index into the passages
  int paragraph = 0;               // counts within the passage; sentences of one follow each other
  std::string text;                // of code: without its fence
  std::string marker;              // of an item: "-", "3."
  std::string language;            // of code, as named by its fence or guessed; may be empty
  std::string under;               // the term or heading inside the passage that it stands under
  bool under_term = false;         // `under` is a term that the text explains
  bool in_item = false;            // goes on in the list item before it
  int code = -1;                   // index of the code unit that this unit introduces
  std::vector<std::string> stems;  // sorted, each once
};

// The units of `passage` are appended in reading order.
void AppendUnits(const SourcePassage& passage, int index, std::vector<Unit>& units);

// "sql", "bash", "ini", "json" or "" from how the code begins.
std::string GuessLanguage(std::string_view code);

}  // namespace capeai::knowledge
