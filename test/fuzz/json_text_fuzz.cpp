// Incremental extraction of one string out of JSON: the same in one piece and in
// pieces, and, where a real parser can read the whole, what that finds.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "openai/json_text.hpp"

namespace {

using namespace capeai;

void Require(bool condition) {
  if (!condition) std::abort();
}

std::string Play(std::string_view text, size_t piece, bool& complete) {
  JsonTextExtractor extractor;
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) out += extractor.Feed(text.substr(at, piece));
  complete = extractor.complete();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool complete = false;
  bool other = false;
  const std::string whole = Play(text, text.size() + 1, complete);
  Require(Play(text, 1, other) == whole && other == complete);
  Require(Play(text, 3, other) == whole && other == complete);
  if (utf8::Valid(text)) Require(utf8::Valid(whole));
  Require(whole.find('\0') == std::string::npos);

  // Names that are doubled or hold U+0000 are left out: parsers differ on them.
  const Json json = Json::Parse(text);
  if (json.is_object()) {
    const auto expected = json["response"].string();
    Require(complete == expected.has_value());
    Require(whole == (expected ? utf8::Repair(*expected).text : ""));
  }
  const Json found = ExtractJsonObject(text);
  Require(!found || found.is_object());
  if (json.is_object()) Require(found.Equals(json));
  return 0;
}
