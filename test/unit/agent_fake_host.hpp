// A Host that answers from a script, and the loop that a worker would have.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/agent.hpp"

namespace capeai::test {

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The repository's root, from wherever the test is run inside it.
inline std::filesystem::path Root() {
  for (auto at = std::filesystem::current_path(); at != at.root_path(); at = at.parent_path())
    if (std::filesystem::exists(at / "capeai.control")) return at;
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

inline Json Parse(const std::string& text) {
  std::string problem;
  Json json = Json::Parse(text, &problem);
  EXPECT_TRUE(json) << problem << " in " << text;
  return json;
}

inline std::shared_ptr<const Manifest> Load(const Json& source) {
  auto parsed = ParseManifest(source);
  if (auto* problems = std::get_if<1>(&parsed)) {
    for (const auto& p : *problems) ADD_FAILURE() << p.pointer << ": " << p.problem;
    return nullptr;
  }
  return std::make_shared<const Manifest>(std::get<0>(std::move(parsed)));
}

inline Json ShippedSource(const std::string& slug) {
  return Parse(ReadText(Root() / "agents" / slug / "manifest.json"));
}
inline std::shared_ptr<const Manifest> Shipped(const std::string& slug) { return Load(ShippedSource(slug)); }

inline Passage MakePassage(int id, const std::string& title, const std::string& text, double score = 0.8) {
  Passage passage;
  passage.document_id = id;
  passage.passage_id = id * 10;
  passage.title = title;
  passage.heading = title + " > Section";
  passage.text = text;
  passage.url = "https://docs.example/" + std::to_string(id);
  passage.type = "doc";
  passage.score = score;
  return passage;
}

class FakeHost : public Host {
 public:
  struct Exchange {
    ChatOutcome outcome;
    size_t piece = 0;  // bytes of each streamed piece; 0: nothing is streamed
  };

  WallTime now() const override { return WallTime(Duration(1'000'000 * ticks_++)); }
  MonoTime mono() const override { return MonoTime(Duration(0)); }
  ReadyQueue& queue() override { return queue_; }
  void Record(StepRecord step) override { steps.push_back(std::move(step)); }
  void Begin(int number, const std::string& name, int progress) override {
    begun.push_back(std::to_string(number) + " " + name + " " + std::to_string(progress));
  }
  void Delta(std::string_view text) override { deltas.emplace_back(text); }
  void StartSearch(SearchRequest request, Slot<SearchReply>& slot) override {
    searches.push_back(std::move(request));
    search_slot_ = &slot;
  }
  void StartChat(ChatRequest request, TextSink* sink, Slot<ChatOutcome>& slot) override {
    requests.push_back(std::move(request));
    sink_ = sink;
    chat_slot_ = &slot;
  }

  // Says `text`, finished for `reason`.
  void Say(const std::string& text, const std::string& reason = "stop", size_t piece = 0) {
    ChatReply reply;
    reply.text = text;
    reply.model = "fake-1";
    reply.finish_reason = reason;
    reply.usage = {100, 20, 0, 0, true};
    script.push_back({std::move(reply), piece});
  }

  // Runs the ready ones; true if something waits for an answer.
  bool Turn() {
    while (queue_.RunOne()) {
    }
    return search_slot_ || chat_slot_;
  }

  void AnswerOne() {
    if (auto* slot = std::exchange(search_slot_, nullptr)) {
      slot->Set(found);
      return;
    }
    auto* slot = std::exchange(chat_slot_, nullptr);
    ASSERT_TRUE(slot);
    ASSERT_FALSE(script.empty()) << "the agent asks more often than the script answers";
    Exchange exchange = std::move(script.front());
    script.pop_front();
    if (const auto* reply = std::get_if<ChatReply>(&exchange.outcome); reply && sink_ && exchange.piece)
      for (size_t at = 0; at < reply->text.size(); at += exchange.piece)
        sink_->OnText(std::string_view(reply->text).substr(at, exchange.piece));
    slot->Set(std::move(exchange.outcome));
  }

  Outcome Run(std::shared_ptr<const Manifest> manifest, TaskInput input) {
    Task<Outcome> task = RunAgent(*this, std::move(manifest), std::move(input));
    task.Start(queue_);
    while (Turn()) AnswerOne();
    EXPECT_TRUE(task.done());
    return task.Take();
  }

  Answer RunToAnswer(std::shared_ptr<const Manifest> manifest, TaskInput input) {
    Outcome outcome = Run(std::move(manifest), std::move(input));
    if (auto* failure = std::get_if<Failure>(&outcome)) {
      ADD_FAILURE() << failure->code << ": " << failure->error.message << " " << failure->error.detail;
      return {};
    }
    return std::get<Answer>(std::move(outcome));
  }

  Failure RunToFailure(std::shared_ptr<const Manifest> manifest, TaskInput input) {
    Outcome outcome = Run(std::move(manifest), std::move(input));
    if (auto* answer = std::get_if<Answer>(&outcome)) {
      ADD_FAILURE() << "answered: " << answer->response;
      return {};
    }
    return std::get<Failure>(std::move(outcome));
  }

  std::string Streamed() const {
    std::string all;
    for (const std::string& delta : deltas) all += delta;
    return all;
  }

  SearchReply found = std::vector<Passage>{};
  std::deque<Exchange> script;
  std::vector<SearchRequest> searches;
  std::vector<ChatRequest> requests;
  std::vector<StepRecord> steps;
  std::vector<std::string> begun;
  std::vector<std::string> deltas;

 private:
  ReadyQueue queue_;
  Slot<SearchReply>* search_slot_ = nullptr;
  Slot<ChatOutcome>* chat_slot_ = nullptr;
  TextSink* sink_ = nullptr;
  mutable int ticks_ = 0;
};

inline TaskInput Ask(const std::string& query, Json extra = Json::Object()) {
  TaskInput input;
  input.input = Json::Object().Set("query", Json::String(query));
  const char* name;
  json_t* value;
  json_object_foreach(extra.get(), name, value) input.input.Set(name, Json::Share(value));
  input.model = "gpt-4o-mini";
  return input;
}

inline std::string GuideReply(const std::string& response, const std::string& citations = "[1]",
                              double confidence = 0.9) {
  return Json::Object()
      .Set("response", Json::String(response))
      .Set("suggestions", Parse(R"(["What next?"])"))
      .Set("citations", Parse(citations))
      .Set("confidence", Json::Real(confidence))
      .Dump();
}

}  // namespace capeai::test
