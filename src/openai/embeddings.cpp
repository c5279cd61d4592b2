#include "openai/embeddings.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "openai/errors.hpp"
#include "openai/usage.hpp"
#include "openai/wire.hpp"

namespace capeai {
namespace {

using Vector = std::vector<float>;

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Value of each character as a digit, -1 if it is none.
constexpr std::array<int8_t, 256> kValues = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
  return values;
}();

std::optional<std::string> DecodeBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = kValues[static_cast<unsigned char>(c)];
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return out;
}

std::optional<Vector> ReadNumbers(const Json& array) {
  Vector vector(array.size());
  for (size_t i = 0; i < vector.size(); ++i) {
    json_t* number = json_array_get(array.get(), i);
    if (!json_is_number(number)) return std::nullopt;
    vector[i] = static_cast<float>(json_number_value(number));
  }
  return vector;
}

std::optional<Vector> ReadVector(const Json& embedding) {
  auto vector = embedding.is_string() ? DecodeVector(embedding.string_or("")) : ReadNumbers(embedding);
  if (!vector || vector->empty()) return std::nullopt;
  for (const float value : *vector)
    if (!std::isfinite(value)) return std::nullopt;
  return vector;
}

ChatError Malformed(std::string message) {
  return MakeChatError(ChatError::Kind::kMalformed, std::move(message), true);
}

// Why `data` does not hold one vector for each input, or empty.
std::string ReadVectors(const Json& data, size_t inputs, std::vector<Vector>& vectors) {
  if (!data.is_array()) return "the reply holds no embeddings";
  if (data.size() != inputs)
    return "the reply holds " + std::to_string(data.size()) + " embeddings for " + std::to_string(inputs) +
           " inputs";
  vectors.resize(inputs);
  size_t size = 0;
  for (size_t i = 0; i < inputs; ++i) {
    const int64_t index = data[i]["index"].integer().value_or(static_cast<int64_t>(i));
    if (index < 0 || index >= static_cast<int64_t>(inputs)) return "an embedding has an index out of range";
    Vector& place = vectors[static_cast<size_t>(index)];
    if (!place.empty()) return "two embeddings have the same index";
    auto vector = ReadVector(data[i]["embedding"]);
    if (!vector) return "an embedding is not a list of numbers";
    place = std::move(*vector);
    if (std::exchange(size, place.size()) != place.size() && i > 0)
      return "the embeddings have different sizes";
  }
  return {};
}

}  // namespace

std::string EncodeVector(const Vector& vector) {
  std::string out;
  out.reserve(vector.size() * 6);
  uint32_t bits = 0;
  int count = 0;
  for (const float value : vector) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) {
      bits = bits << 8 | (word >> shift & 0xFF);
      for (count += 8; count >= 6; count -= 6) out.push_back(kDigits[bits >> (count - 6) & 0x3F]);
    }
  }
  if (count > 0) out.push_back(kDigits[bits << (6 - count) & 0x3F]);
  out.append((4 - out.size() % 4) % 4, '=');
  return out;
}

std::optional<Vector> DecodeVector(std::string_view text) {
  const auto bytes = DecodeBase64(text);
  if (!bytes || bytes->size() % sizeof(float) != 0) return std::nullopt;
  Vector vector(bytes->size() / sizeof(float));
  for (size_t i = 0; i < vector.size(); ++i) {
    uint32_t word = 0;
    for (size_t k = 0; k < sizeof(float); ++k)
      word |= static_cast<uint32_t>(static_cast<unsigned char>((*bytes)[i * sizeof(float) + k])) << (8 * k);
    vector[i] = std::bit_cast<float>(word);
  }
  return vector;
}

EmbeddingsResult ParseEmbeddings(int status, const Headers& headers, std::string_view body, size_t inputs,
                                 WallTime now, std::string_view api_key) {
  if (status < 200 || status > 299) return MakeHttpError(status, headers, body, now, api_key);
  bool lossy = false;
  const Json json = ParseWire(TrimBlanks(body), &lossy);
  if (!json.is_object()) return Malformed("the reply is not a JSON object");
  if (HoldsError(json)) return MakeStreamError(json, api_key);
  EmbeddingsReply reply;
  if (std::string problem = ReadVectors(json["data"], inputs, reply.vectors); !problem.empty())
    return Malformed(std::move(problem));
  AppendText(json["model"], reply.model, &lossy);
  ReadUsage(json["usage"], reply.usage);
  return reply;
}

}  // namespace capeai
