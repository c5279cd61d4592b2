// The way to the model's embeddings: one request of several texts, beside the
// chat exchanges of ModelCall.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/coroutine.hpp"
#include "net/client.hpp"
#include "openai/embeddings.hpp"
#include "openai/request.hpp"
#include "worker/model_gateway.hpp"

namespace capeai::worker {

struct EmbedRequest {
  std::string model;
  std::vector<std::string> inputs;  // at least one, none empty
};

// One request under way. Destroying it drops the connection; the slot then never
// hears of it.
class EmbedCall final : public net::HttpSink {
 public:
  EmbedCall(ModelGateway& gateway, EmbedRequest request, ModelCall::Context context,
            Slot<EmbeddingsResult>& slot);
  ~EmbedCall() override;
  EmbedCall(const EmbedCall&) = delete;
  EmbedCall& operator=(const EmbedCall&) = delete;

  void OnHeaders(int status, net::Headers headers) override;
  bool OnData(std::string_view bytes) override;
  void OnEnd(const net::HttpResult& result) override;
  void OnNews() override;
  void OnDone(const net::HttpResult& result) override;

 private:
  void Send();
  // The server takes no encoding_format: numbers as text will do.
  bool RefusesFormat(const ChatError& error) const;
  void Finish(EmbeddingsResult result);

  ModelGateway& gateway_;
  EmbedRequest request_;
  ModelCall::Context context_;
  Slot<EmbeddingsResult>* slot_;
  EmbeddingFormat format_ = EmbeddingFormat::kBase64;
  net::TransferId transfer_ = 0;
  MonoTime entered_{};  // when the gate let it in
  Reservation reserved_;
  int status_ = 0;
  Headers headers_;
  std::string body_;
  std::optional<RateLimits> rates_;  // as the response's headers have them, until they are learnt
  std::optional<EmbeddingsResult> end_;
};

}  // namespace capeai::worker
