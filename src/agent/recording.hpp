// What a case of an agent's tests met when it was recorded: the passages that
// were found and what the model answered, so that it can be run again without
// either. Keys and personal data are masked before anything is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/host.hpp"
#include "agent/redaction.hpp"

namespace capeai {

struct RecordedExchange {
  std::string request_hash;
  ChatReply reply;  // text, refusal, finish_reason, model and usage
};

struct Recording {
  std::string model;  // that was asked; capeai-extractive: none
  std::string knowledge_hash;
  std::vector<Passage> passages;
  std::vector<RecordedExchange> exchanges;

  // Masked. From a JSON of another form comes nothing.
  Json ToJson() const;
  static std::optional<Recording> FromJson(const Json& json);
};

// 16 hexadecimal digits that differ when what the model is sent differs.
std::string HashRequest(const ChatRequest& request);
// The same for what of the passages gets into a prompt: not their ids and scores.
std::string HashPassages(const std::vector<Passage>& passages);

// What is masked before anything of a test is kept: keys, e-mail addresses, card, bank account and telephone
// numbers.
const Redaction& RecordingMask();

}  // namespace capeai
