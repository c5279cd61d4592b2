// The way to the model: turns a ChatRequest into HTTP exchanges and their bytes
// into a ChatOutcome, learns what the server can do, keeps to its pauses.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/host.hpp"
#include "net/client.hpp"
#include "openai/embeddings.hpp"
#include "openai/profile.hpp"
#include "openai/response.hpp"
#include "policy/budget.hpp"
#include "policy/price.hpp"
#include "worker/flight_recorder.hpp"
#include "worker/provider.hpp"
#include "worker/provider_state.hpp"

namespace capeai::worker {

class ModelGateway;

struct PerMinuteLimits {
  PerMinute each;  // model without one of its own
  std::unordered_map<std::string, PerMinute> model;

  bool none() const { return each.none() && model.empty(); }
  // Of each of the two its own, or else that of each model.
  PerMinute Of(const std::string& name) const;
};

// What a request that was let in holds of the limits until it is settled.
struct Reservation {
  int64_t tokens = 0;   // of the bucket of tokens per minute
  policy::Kind kind;    // whose budgets
  policy::Spend spend;  // of the budgets of the day
  bool open = false;    // let in and not settled
};

// One chat exchange under way. Destroying it drops the connection; the slot
// then never hears of it.
class ModelCall final : public net::HttpSink {
 public:
  struct Context {
    Uuid task;
    std::string idempotency_key;  // the same for every try of the same call
    Duration timeout{};           // of this exchange
    bool paced = false;           // its text goes out at intervals
    unsigned owner = 0;           // of the task: whose budgets it draws on
    Uuid agent;
    Json calls;  // an array to which every request that was sent is added, for the audit trail
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

  void OnHeaders(int status, net::Headers headers) override;
  bool OnData(std::string_view bytes) override;
  void OnEnd(const net::HttpResult& result) override;
  void OnNews() override;
  void OnDone(const net::HttpResult& result) override;

 private:
  void Send();
  void Finish(ChatResult result);
  void Record(const Usage& usage, const std::string& error);
  // Drops the request that is under way, if any.
  void Abandon();

  ModelGateway& gateway_;
  ChatRequest request_;
  Context context_;
  TextSink* sink_;
  Slot<ChatOutcome>* slot_;
  Profile profile_;
  std::unique_ptr<ChatResponseParser> parser_;
  std::optional<RateLimits> rates_;  // as the response's headers have them, until they are learnt
  std::string text_;                 // come and not passed on
  std::optional<ChatResult> end_;
  net::TransferId transfer_ = 0;
  uint64_t received_ = 0;
  MonoTime entered_{};         // when the gate let it in
  int status_ = 0;             // of the response; 0: none yet
  int64_t prompt_tokens_ = 0;  // estimated, where there are limits
  Reservation reserved_;
  bool text_passed_ = false;
};

class ModelGateway {
 public:
  ModelGateway(net::HttpClient& http, FlightRecorder& recorder) : http_(http), recorder_(recorder) {}

  // At start and after a reload.
  void Use(Provider provider);
  const Provider& provider() const { return provider_; }

  // Requests and tokens a minute, as this database has them.
  void SetLimits(PerMinuteLimits limits) { limits_ = std::move(limits); }
  const PerMinuteLimits& limits() const { return limits_; }
  // What was used in the last minute, for buckets that are new.
  void Remember(const std::string& model, double requests, double tokens, MonoTime now);

  // What the day has left, for whom, in this database.
  policy::Budgets& budgets() const { return budgets_; }
  void SetPrices(policy::PriceList prices) { prices_ = std::move(prices); }
  const policy::PriceList& prices() const { return prices_; }

  // How many requests may go now to those of `models` that have a limit or, with
  // `pauses`, are paused; and if it is none for some, the time until the first may
  // be tried.
  std::unordered_map<std::string, int64_t> WhatMaySend(const std::vector<std::string>& models, bool pauses,
                                                       MonoTime now, Duration* shortest) const;

 private:
  friend class ModelCall;
  friend class EmbedCall;
  // What a request is taken to need; `answer` is the most that its answer may have, where it says.
  Reservation Estimate(const ModelCall::Context& context, const std::string& model, int64_t prompt,
                       std::optional<int64_t> answer) const;
  // Why the request cannot go out now; nothing: it may, and counts as gone.
  std::optional<ChatError> Enter(Reservation& reservation);
  // What a request that was let in has used; `answered` is the model as the server calls it.
  void Settle(Reservation& reservation, const std::string& answered, const Usage& usage);
  // It was dropped without an account: what was reserved counts as used.
  void Forfeit(Reservation& reservation);
  std::optional<ChatError> Refusal(const Reservation& reservation) const;
  // What became of a request that was let in at `sent`; nullptr: it was answered. A
  // failure to connect is no outage but while the circuit is open.
  void Heard(const std::string& model, MonoTime sent, ChatError* error);
  // All of a request but its body.
  net::HttpRequest MakeHttp(const char* path, bool stream, const ModelCall::Context& context) const;
  Profile& ProfileOf(const std::string& model);
  ProviderGate& GateOf(const std::string& model) const;
  double TypicalTokens(const std::string& model) const;

  net::HttpClient& http_;
  FlightRecorder& recorder_;
  Provider provider_;
  std::map<std::string, Profile> profiles_;
  mutable std::map<std::string, ProviderGate> gates_;
  PerMinuteLimits limits_;
  mutable policy::Budgets budgets_;
  policy::PriceList prices_;
  std::unordered_map<std::string, double> typical_tokens_;  // of a request, by model with a limit
};

// The most tokens that the answers of a request may have, all choices together; nothing if it does not say.
std::optional<int64_t> MostOfAnswer(const ChatRequest& request);

}  // namespace capeai::worker
