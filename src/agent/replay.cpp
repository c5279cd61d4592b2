#include "agent/replay.hpp"

namespace capeai {
namespace {

class CaseHost final : public Host {
 public:
  explicit CaseHost(std::vector<Passage> passages) : passages_(std::move(passages)) {}

  WallTime now() const override { return WallNow(); }
  MonoTime mono() const override { return MonoNow(); }
  ReadyQueue& queue() override { return queue_; }
  void Record(StepRecord) override {}
  void Begin(int, const std::string&, int) override {}
  void Delta(std::string_view) override {}
  void StartSearch(SearchRequest, Slot<SearchReply>& slot) override { slot.Set(std::move(passages_)); }
  void StartChat(ChatRequest request, TextSink*, Slot<ChatOutcome>& slot) override {
    request_ = std::move(request);
    slot_ = &slot;
  }

  // Runs what can run and answers what is asked, until nothing is left.
  void Finish(Counterpart& model) {
    while (true) {
      while (queue_.RunOne()) {
      }
      if (!slot_) return;
      ChatOutcome answer = model.Answer(request_);
      std::exchange(slot_, nullptr)->Set(std::move(answer));
    }
  }

 private:
  std::vector<Passage> passages_;
  ReadyQueue queue_;
  ChatRequest request_;
  Slot<ChatOutcome>* slot_ = nullptr;
};

}  // namespace

ChatOutcome RecordedModel::Answer(const ChatRequest& request) {
  if (next_ >= recording_.exchanges.size()) {
    stale_ = true;
    ChatError error;
    error.kind = ChatError::Kind::kConfig;
    error.message = "the agent asks the model more often than when it was recorded";
    return error;
  }
  const RecordedExchange& exchange = recording_.exchanges[next_++];
  stale_ |= exchange.request_hash != HashRequest(request);
  return exchange.reply;
}

Outcome RunCase(std::shared_ptr<const Manifest> manifest, TaskInput input, std::vector<Passage> passages,
                Counterpart& model) {
  CaseHost host(std::move(passages));
  Task<Outcome> task = RunAgent(host, std::move(manifest), std::move(input));
  if (!task) throw std::bad_alloc();
  task.Start(host.queue());
  host.Finish(model);
  return task.Take();
}

}  // namespace capeai
