// capeai_embed: vectors for texts, in batches of which several are under way.
#include <algorithm>
#include <deque>

#include "api/arguments.hpp"
#include "api/ask_client.hpp"
#include "api/prepare_ask.hpp"
#include "openai/embeddings.hpp"
#include "openai/usage.hpp"
#include "pg/settings.hpp"

namespace capeai::api {
namespace {

constexpr const char* kDefaultModel = "text-embedding-3-small";
// OpenAI's limits for one request (API reference, "Create embeddings"): 2,048
// inputs and 300,000 tokens; ours are estimates, hence the distance.
constexpr size_t kMaxInputs = 2048;
constexpr int64_t kMaxTokens = 200000;
constexpr size_t kMaxInputBytes = 1 << 20;
// What one vector may take in a response: 3,072 numbers written out.
constexpr int64_t kVectorBytes = 64 * 1024;
constexpr size_t kBatchesInFlight = 8;

// The next batch: inputs from `first` on, at least one, as many as the limits allow.
size_t EndOfBatch(const std::vector<std::string>& inputs, size_t first) {
  const auto fit = static_cast<size_t>(std::max<int64_t>(1, pg::settings::MaxResponseSize() / kVectorBytes));
  const size_t end = std::min(inputs.size(), first + std::min(fit, kMaxInputs));
  int64_t tokens = 0;
  for (size_t i = first; i < end; ++i) {
    tokens += EstimateTokens(inputs[i]);
    if (tokens > kMaxTokens && i > first) return i;
  }
  return end;
}

std::vector<std::string> ReadInputs(FunctionCallInfo fcinfo) {
  LimitMegabytes(fcinfo, 0, "inputs", kMaxArrayMegabytes);
  auto given = pg::TextArrayArg(fcinfo, 0);
  if (!given) pg::Raise(sqlstate::kInvalidParameter, "inputs must not be null");
  std::vector<std::string> inputs;
  inputs.reserve(given->size());
  for (auto& input : *given) {
    const char* problem = !input                           ? "must not be null"
                          : input->empty()                 ? "must not be empty"
                          : input->size() > kMaxInputBytes ? "must not be larger than 1 MB"
                                                           : nullptr;
    if (problem)
      pg::Raise(sqlstate::kInvalidParameter, std::string("an input ") + problem, "",
                "Input " + std::to_string(inputs.size() + 1) + ".");
    inputs.push_back(std::move(*input));
  }
  return inputs;
}

class Batches {
 public:
  Batches(FunctionCallInfo fcinfo, const std::vector<std::string>& inputs, std::string model)
      : inputs_(inputs), model_(std::move(model)), rows_(fcinfo) {}

  void Run() {
    for (size_t first = 0; first < inputs_.size();) {
      if (under_way_.size() == kBatchesInFlight) TakeFirst();
      const size_t end = EndOfBatch(inputs_, first);
      under_way_.push_back(Begin(first, end));
      first = end;
    }
    while (!under_way_.empty()) TakeFirst();
  }

 private:
  std::unique_ptr<PendingAsk> Begin(size_t first, size_t end) const {
    AskRequest request = PrepareRawCall(AskRequest::Kind::kEmbed, model_);
    Json texts = Json::Array();
    for (size_t i = first; i < end; ++i) texts.Push(Json::String(inputs_[i]));
    request.input = Json::Object().Set("inputs", texts);
    request.options = Json::Object();
    return std::make_unique<PendingAsk>(std::move(request));
  }

  void TakeFirst() {
    AskReply reply;
    while (reply.kind != AskReply::Kind::kAnswer) reply = under_way_.front()->Next();
    const Json vectors = reply.answer["vectors"];
    for (size_t i = 0; i < vectors.size(); ++i) {
      const auto vector = DecodeVector(vectors[i].string_or(""));
      if (!vector) pg::Raise("XX000", "capeai: the worker sent a vector that cannot be read");
      rows_.Add(++emitted_, *vector);
    }
    under_way_.pop_front();
  }

  const std::vector<std::string>& inputs_;
  const std::string model_;
  pg::RowSet rows_;
  std::deque<std::unique_ptr<PendingAsk>> under_way_;  // in the order of their inputs
  int32_t emitted_ = 0;
};

}  // namespace
}  // namespace capeai::api

using namespace capeai;

CAPEAI_FUNCTION(capeai_embed) {
  api::RequireWorker("ask a model");
  const std::vector<std::string> inputs = api::ReadInputs(fcinfo);
  const auto model = api::LimitedText(fcinfo, 1, "model", api::kMaxNameChars);
  api::Batches(fcinfo, inputs, model.value_or(api::kDefaultModel)).Run();
  return 0;
}
