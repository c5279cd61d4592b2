#include "knowledge/document.hpp"

#include <array>
#include <utility>

#include "base/utf8.hpp"
#include "knowledge/text.hpp"

namespace capeai::knowledge {
namespace {

// LF line ends, no byte order mark.
std::string NormalizeLines(std::string text) {
  size_t from = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  size_t to = 0;
  for (; from < text.size(); ++from) {
    if (text[from] != '\r') {
      text[to++] = text[from];
    } else if (from + 1 == text.size() || text[from + 1] != '\n') {
      text[to++] = '\n';
    }
  }
  text.resize(to);
  return text;
}

}  // namespace

std::optional<Format> FormatFromName(std::string_view name) {
  if (name == "markdown") return Format::kMarkdown;
  if (name == "html") return Format::kHtml;
  if (name == "plain" || name == "text") return Format::kPlain;
  return std::nullopt;
}

std::optional<Format> FormatFromFileName(std::string_view file_name) {
  static constexpr std::array<std::pair<std::string_view, Format>, 9> kEndings = {{
      {"md", Format::kMarkdown},
      {"markdown", Format::kMarkdown},
      {"html", Format::kHtml},
      {"htm", Format::kHtml},
      {"xhtml", Format::kHtml},
      {"txt", Format::kPlain},
      {"text", Format::kPlain},
      {"rst", Format::kPlain},
      {"adoc", Format::kPlain},
  }};
  const size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string ending = LowerAscii(file_name.substr(dot + 1));
  for (const auto& [known, format] : kEndings)
    if (ending == known) return format;
  return std::nullopt;
}

Result<Document> ParseDocument(std::string_view content, Format format) {
  if (content.size() > kMaxDocumentBytes)
    return Error{sqlstate::kInvalidParameter, "document is too large",
                 "It has " + std::to_string(content.size()) + " bytes; the limit is " +
                     std::to_string(kMaxDocumentBytes) + ".",
                 "Split the document."};
  utf8::Repaired repaired = utf8::Repair(content);
  const std::string text = NormalizeLines(std::move(repaired.text));
  Document document;
  switch (format) {
    case Format::kMarkdown:
      document = ParseMarkdown(text);
      break;
    case Format::kHtml:
      document = ParseHtml(text);
      break;
    case Format::kPlain:
      document = ParsePlain(text);
      break;
  }
  document.lossy = repaired.lossy;
  return document;
}

}  // namespace capeai::knowledge
