#include "knowledge/section_match.hpp"

#include <algorithm>

#include "knowledge/stem.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

std::vector<std::string> Sorted(std::vector<std::string> stems) {
  std::sort(stems.begin(), stems.end());
  stems.erase(std::unique(stems.begin(), stems.end()), stems.end());
  return stems;
}

}  // namespace

HeadingQuestion::HeadingQuestion(std::string_view question) : stems_(Sorted(Stems(question))) {}

double HeadingQuestion::Match(std::string_view heading) const {
  const std::vector<std::string> stems = Sorted(HeadingStems(heading));
  if (stems.empty() || stems_.empty()) return 0;
  const double common =
      static_cast<double>(std::count_if(stems.begin(), stems.end(), [&](const std::string& stem) {
        return std::binary_search(stems_.begin(), stems_.end(), stem);
      }));
  return common / static_cast<double>(stems.size()) * common / static_cast<double>(stems_.size());
}

double HeadingQuestion::MatchPassage(std::string_view title, std::string_view path,
                                     std::string_view text) const {
  double best = Match(path.empty() ? title : LastHeading(path));
  for (const std::string_view line : Lines(text)) {
    const size_t hashes = std::min(line.find_first_not_of('#'), line.size());
    if (hashes >= 1 && hashes <= 6 && hashes < line.size() && line[hashes] == ' ')
      best = std::max(best, Match(line.substr(hashes)));
    if (line.size() > 4 && line.starts_with("**") && line.ends_with("**"))
      best = std::max(best, Match(line.substr(2, line.size() - 4)));
  }
  return best;
}

std::vector<std::string> HeadingStems(std::string_view heading) {
  std::vector<std::string> stems = Stems(heading);
  std::erase_if(stems, [](const std::string& stem) {
    return stem.size() == 1 || stem.find_first_not_of("0123456789") == std::string::npos;
  });
  return stems;
}

std::string_view LastHeading(std::string_view path) {
  const size_t at = path.rfind(" > ");
  return at == std::string_view::npos ? path : path.substr(at + 3);
}

}  // namespace capeai::knowledge
