// The way to the model: turns a ChatRequest into HTTP exchanges and their bytes
// into a ChatOutcome, learns what the server can do, keeps to its pauses.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/host.hpp"
#include "net/client.hpp"
#include "openai/embeddings.hpp"
#include "openai/profile.hpp"
#include "openai/response.hpp"
#include "worker/flight_recorder.hpp"
#include "worker/provider.hpp"
#include "worker/provider_state.hpp"

namespace capeai::worker {

class ModelGateway;

// One chat exchange under way. Destroying it drops the connection; the slot
// then never hears of it.
class ModelCall final : public net::HttpSink {
 public:
  struct Context {
    Uuid task;
    std::string idempotency_key;  // the same for every try of the same call
    Duration timeout{};           // of this exchange
  };
  ModelCall(ModelGateway& gateway, ChatRequest request, Context context, TextSink* sink,
            Slot<ChatOutcome>& slot);
  ~ModelCall() override;
  ModelCall(const ModelCall&) = delete;
  ModelCall& operator=(const ModelCall&) = delete;

  // Stops reading from the server until resumed (bounded memory for slow readers).
  void SetPaused(bool paused);
  bool under_way() const { return transfer_ != 0; }
  uint64_t received() const { return received_; }
  // What has arrived so far; ends the call. For a task that is dropped.
  ChatReply TakePartial();

  void OnHeaders(int status, const net::Headers& headers) override;
  void OnData(std::string_view bytes) override;
  void OnDone(const net::HttpResult& result) override;

 private:
  void Send();
  void PassText();
  void Finish(ChatResult result);

  ModelGateway& gateway_;
  ChatRequest request_;
  Context context_;
  TextSink* sink_;
  Slot<ChatOutcome>* slot_;
  Profile profile_;
  std::unique_ptr<ChatResponseParser> parser_;
  net::TransferId transfer_ = 0;
  uint64_t received_ = 0;
  bool text_passed_ = false;
};

class ModelGateway {
 public:
  ModelGateway(net::HttpClient& http, FlightRecorder& recorder) : http_(http), recorder_(recorder) {}

  // At start and after a reload.
  void Use(Provider provider);
  const Provider& provider() const { return provider_; }

  // Models that nothing may be sent to now, and the time until the first of them
  // may be tried again.
  std::vector<std::string> PausedModels(MonoTime now, Duration* shortest) const;

 private:
  friend class ModelCall;
  friend class EmbedCall;
  // Why a request to `model` cannot go out now; nothing: it may, and counts as gone.
  std::optional<ChatError> Enter(const std::string& model);
  // All of a request but its body.
  net::HttpRequest MakeHttp(const char* path, bool stream, const ModelCall::Context& context) const;
  Profile& ProfileOf(const std::string& model);
  ProviderGate& GateOf(const std::string& model);

  net::HttpClient& http_;
  FlightRecorder& recorder_;
  Provider provider_;
  std::map<std::string, Profile> profiles_;
  std::map<std::string, ProviderGate> gates_;
};

// How HTTP failed, in the vocabulary of openai/.
ChatError FromHttp(const net::HttpResult& result);

}  // namespace capeai::worker
