// The chunk of an event stream that does nothing but add text, which nearly all
// are: read where it lies, without a document built of it.
#pragma once

#include <string>
#include <string_view>

namespace capeai {

// Appends to `text` what the chunk `data` adds to choice 0, and returns true, if
// that is certain to be all that it says: besides `delta.content` only members
// that ChatStreamParser looks at in no later chunk, or null. False, with `text`
// unchanged, for whatever else it is, JSON or not: then it is to be read in full.
bool AppendPlainChunk(std::string_view data, std::string& text);

}  // namespace capeai
