// Embeddings: words hashed into a vector of length 1, so that texts that share
// words are near each other and the same text always gives the same vector.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "responses.hpp"

namespace mock {
namespace {

uint64_t Hash(std::string_view text) {  // FNV-1a
  uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::vector<float> Embed(std::string_view text, size_t dimensions) {
  std::vector<float> out(dimensions, 0.0f);
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : ' ';
    if (std::isalnum(c) || c >= 0x80) {
      word += static_cast<char>(std::tolower(c));
    } else if (!word.empty()) {
      const uint64_t hash = Hash(word);
      out[hash % dimensions] += (hash >> 63) != 0 ? 1.0f : -1.0f;
      word.clear();
    }
  }
  double norm = 0;
  for (const float x : out) norm += static_cast<double>(x) * x;
  if (norm == 0) out[0] = 1.0f, norm = 1;
  for (float& x : out) x = static_cast<float>(x / std::sqrt(norm));
  return out;
}

std::string Base64(std::string_view bytes) {  // RFC 4648, section 4
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

void AppendVector(std::string& out, const std::vector<float>& vector, bool base64) {
  if (base64) {
    out += '"';
    out += Base64({reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)});
    out += '"';
    return;
  }
  out += '[';
  for (size_t i = 0; i < vector.size(); ++i) {
    char text[24];
    std::snprintf(text, sizeof text, i > 0 ? ",%.7g" : "%.7g", static_cast<double>(vector[i]));
    out += text;
  }
  out += ']';
}

}  // namespace

Reply EmbeddingReply(const cJSON* request, const Script& script) {
  const cJSON* input = Member(request, "input");
  std::vector<std::string> texts;
  const bool many = cJSON_IsArray(input) && !cJSON_IsNumber(input->child);
  if (!many) {
    texts.push_back(cJSON_IsString(input) ? std::string(Text(input)) : PrintJson(input));
  } else {
    const cJSON* item;
    cJSON_ArrayForEach(item, input)
        texts.push_back(cJSON_IsString(item) ? std::string(Text(item)) : PrintJson(item));
  }
  const cJSON* wanted = Member(request, "dimensions");
  const size_t dimensions = wanted ? static_cast<size_t>(wanted->valuedouble) : 1536;
  const bool base64 = Text(Member(request, "encoding_format")) == "base64";

  std::string body = "{\"object\":\"list\",\"data\":[";
  size_t bytes = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) body += ',';
    body += "{\"object\":\"embedding\",\"index\":" + std::to_string(i) + ",\"embedding\":";
    AppendVector(body, Embed(texts[i], dimensions), base64);
    body += '}';
    bytes += texts[i].size();
  }
  const std::string tokens = std::to_string(CountTokens(bytes));
  body += "],\"model\":" + Quoted(Text(Member(request, "model")));
  if (!script.no_usage)
    body += ",\"usage\":{\"prompt_tokens\":" + tokens + ",\"total_tokens\":" + tokens + "}";
  return PlainReply(200, "application/json", body + "}\n");
}

}  // namespace mock
