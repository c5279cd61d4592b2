// Text of strangers (documents, page context) as data in a prompt: made harmless
// and put between delimiters that it cannot close.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capeai {

// `text` without what hides or acts: control characters (but line feed and tab) are blanks; invisible
// characters (zero width, bidirectional overrides, Unicode tags) are gone; what looks like one of our
// delimiters or like a chat template's marker ("<|im_start|>", "<<SYS>>", "[INST]") is broken up. Valid
// UTF-8, idempotent.
std::string NeutralText(std::string_view text);

// The same on one line.
std::string NeutralLine(std::string_view text);

// A token of eight hex digits that is derived from `contents` and occurs in none of them.
std::string FenceToken(const std::vector<std::string>& contents);

// <kind label token> ... </kind label token>, each on a line of its own. `content` was neutralised, and the
// token comes from FenceToken over all that stands in the prompt. `label` may be empty.
std::string DataBlock(std::string_view kind, std::string_view label, std::string_view token,
                      std::string_view content);

}  // namespace capeai
