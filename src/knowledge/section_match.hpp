// Whether a section's heading asks the question that a reader asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capeai::knowledge {

// A question's words in the form in which headings are compared with it.
class HeadingQuestion {
 public:
  explicit HeadingQuestion(std::string_view question);

  // 0..1: 1 if `heading` is about the question's words and nothing else.
  double Match(std::string_view heading) const;

  // The best match of a passage: of the last heading of its path ("A > B"), or of its title where it has
  // none, and of the headings that stand inside of its text.
  double MatchPassage(std::string_view title, std::string_view path, std::string_view text) const;

 private:
  std::vector<std::string> stems_;  // sorted, each once
};

// Stems of a heading's words, in order, without its number ("27.2.5.", "F.4.").
std::vector<std::string> HeadingStems(std::string_view heading);

// The innermost heading of a path "A > B > C".
std::string_view LastHeading(std::string_view path);

}  // namespace capeai::knowledge
