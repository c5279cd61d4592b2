#include "openai/message.hpp"

#include "openai/wire.hpp"

namespace capeai {
namespace {

void ReadParts(const Json& parts, ChatReply& reply) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Json part = parts[i];
    AppendText(part["text"], reply.text, &reply.lossy);
    const Json thinking = part["thinking"];
    AppendText(thinking, reply.reasoning, &reply.lossy);
    for (size_t k = 0; thinking.is_array() && k < thinking.size(); ++k)
      AppendText(thinking[k]["text"], reply.reasoning, &reply.lossy);
  }
}

}  // namespace

void ReadMessage(const Json& message, ChatReply& reply) {
  const Json content = message["content"];
  if (content.is_array())
    ReadParts(content, reply);
  else
    AppendText(content, reply.text, &reply.lossy);
  AppendText(message["refusal"], reply.refusal, &reply.lossy);
  const Json reasoning = message["reasoning_content"];
  AppendText(reasoning.is_string() ? reasoning : message["reasoning"], reply.reasoning, &reply.lossy);
}

}  // namespace capeai
