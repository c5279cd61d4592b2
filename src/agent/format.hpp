// Makes `preferred_format` true, whatever the model wrote. Works on Markdown
// lines; knows no model and no passages.
#pragma once

#include <string>
#include <string_view>

namespace capeai {

// `format`:
//   steps      lines that begin with 1. 2. ...: numbered items keep their text and are counted anew, else
//   bullets
//              become steps, else each sentence does
//   checklist  lines that begin with "- [ ] ", in the same way
//   code       begins with the fenced code blocks of the text, each with its language, followed by the prose;
//   without
//              a block an inline `code` span, else the whole text is put into one
//   other      the text as it is
// Applied twice it changes nothing more. Empty text stays empty.
std::string FormatResponse(const std::string& text, std::string_view format);

// The language of a piece of code as a fence names it (sql, bash, json, python, ...), "text" if no rule knows
// it.
std::string GuessLanguage(std::string_view code);

}  // namespace capeai
