// What an agent masks in texts before they are stored, sent or shown: e-mail
// addresses, keys, card numbers, and patterns of its author. Knows whole texts only,
// which is why an agent that masks its output cannot be streamed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/schema.hpp"
#include "openai/json.hpp"

namespace re2 {
class RE2;
}

namespace capeai {

class Redaction {
 public:
  // From a member of the manifest: an array of "email", "key", "card" and
  // {"name": …, "pattern": …}. What is wrong is added to `problems`.
  static Redaction Read(const Json& rules, const std::string& pointer, std::vector<SchemaProblem>& problems);

  bool empty() const { return rules_.empty(); }
  // `text` with "[email]", "[key]", … in place of what matches.
  std::string Mask(std::string_view text) const;
  // The same for all texts in a value, names of members too. A whole number that
  // reads as a card number becomes a text.
  Json Mask(const Json& value) const;
  // Of text that may be JSON: then in its values, so that numbers and escapes are seen.
  std::string MaskReply(const std::string& text) const;

 private:
  struct Rule {
    std::string mark;
    std::shared_ptr<const re2::RE2> pattern;
    bool card = false;  // only what has the check digit of a card number
  };
  std::vector<Rule> rules_;
};

}  // namespace capeai
