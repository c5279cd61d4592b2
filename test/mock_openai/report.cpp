// Counting and remembering: see report.hpp.
#include "report.hpp"

#include <algorithm>

#include "json.hpp"

namespace mock {
namespace {

constexpr size_t kMaxModels = 1000;  // distinct names counted one by one

void AppendMember(std::string& out, const char* name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  AppendQuoted(out, value);
}

void AppendMember(std::string& out, const char* name, uint64_t value) {
  out += ",\"";
  out += name;
  out += "\":" + std::to_string(value);
}

std::string RecordJson(const RequestRecord& record, bool with_body) {
  std::string out = "{\"number\":" + std::to_string(record.number);
  AppendMember(out, "arrived_us", static_cast<uint64_t>(record.arrived));
  AppendMember(out, "finished_us", static_cast<uint64_t>(record.finished));
  AppendMember(out, "status", static_cast<uint64_t>(record.status));
  out += record.authorized ? ",\"authorized\":true" : ",\"authorized\":false";
  out += record.stream ? ",\"stream\":true" : ",\"stream\":false";
  out += record.aborted ? ",\"aborted\":true" : ",\"aborted\":false";
  AppendMember(out, "path", record.path);
  AppendMember(out, "model", record.model);
  AppendMember(out, "tag", record.tag);
  AppendMember(out, "idempotency_key", record.idempotency_key);
  AppendMember(out, "organization", record.organization);
  AppendMember(out, "project", record.project);
  AppendMember(out, "user_agent", record.user_agent);
  AppendMember(out, "problem", record.problem);
  if (with_body) AppendMember(out, "body", ValidUtf8(record.body) ? record.body : "(not UTF-8)");
  return out + "}";
}

}  // namespace

RequestRecord* Report::Find(uint64_t number) {
  if (number <= base_ || number > count_ || count_ - number >= kept_) return nullptr;
  RequestRecord& record = ring_[(number - 1) % kept_];
  return record.number == number ? &record : nullptr;
}

uint64_t Report::Begin(RequestRecord record, std::string_view body) {
  const uint64_t number = ++count_;
  peak_ = std::max(peak_, ++in_flight_);
  if (!record.model.empty()) {
    auto found = by_model_.find(record.model);
    if (found == by_model_.end() && by_model_.size() >= kMaxModels)
      found = by_model_.try_emplace("(other)").first;
    if (found == by_model_.end()) found = by_model_.try_emplace(record.model).first;
    ++found->second;
  }
  record.number = number;
  if (kept_bodies_ > 0) record.body = body;
  if (ring_.size() < kept_) ring_.resize(std::min(kept_, std::max<size_t>(64, ring_.size() * 2)));
  if ((number - 1) % kept_ >= ring_.size()) ring_.resize(kept_);
  ring_[(number - 1) % kept_] = std::move(record);
  if (number > kept_bodies_)
    if (RequestRecord* old = Find(number - kept_bodies_)) std::string().swap(old->body);
  return number;
}

void Report::SetStatus(uint64_t number, int status, std::string_view problem) {
  ++by_status_[status];
  if (RequestRecord* record = Find(number)) {
    record->status = status;
    record->problem = problem;
  }
}

void Report::Finish(uint64_t number, int64_t now, bool aborted) {
  if (number <= base_) return;  // of before a reset
  --in_flight_;
  if (aborted) ++aborted_;
  if (RequestRecord* record = Find(number)) {
    record->finished = now;
    record->aborted = aborted;
  }
}

void Report::ConnectionOpened() {
  ++opened_;
  peak_open_ = std::max(peak_open_, ++open_);
}

void Report::Reset() {
  base_ = count_;
  by_status_.clear();
  by_model_.clear();
  aborted_ = in_flight_ = peak_ = opened_ = 0;
  peak_open_ = open_;
}

std::string Report::Requests(std::string_view tag, size_t limit, bool with_body) const {
  std::vector<const RequestRecord*> found;
  const uint64_t oldest = std::max(base_, count_ > kept_ ? count_ - kept_ : 0);
  for (uint64_t number = count_; number > oldest && found.size() < limit; --number) {
    const RequestRecord& record = ring_[(number - 1) % kept_];
    if (tag.empty() || record.tag == tag) found.push_back(&record);
  }
  std::string out = "[";
  for (auto record = found.rbegin(); record != found.rend(); ++record) {
    if (out.size() > 1) out += ",\n";
    out += RecordJson(**record, with_body);
  }
  return out + "]";
}

std::string Report::Summary(size_t last) const {
  std::string out = "{\"requests\":" + std::to_string(count_ - base_);
  AppendMember(out, "in_flight", in_flight_);
  AppendMember(out, "peak_in_flight", peak_);
  AppendMember(out, "connections_opened", opened_);
  AppendMember(out, "connections_open", open_);
  AppendMember(out, "peak_connections", peak_open_);
  AppendMember(out, "aborted_by_client", aborted_);
  out += ",\"by_status\":{";
  for (const auto& [status, count] : by_status_)
    out += (out.back() == '{' ? "\"" : ",\"") + std::to_string(status) + "\":" + std::to_string(count);
  out += "},\"by_model\":{";
  for (const auto& [model, count] : by_model_) {
    if (out.back() != '{') out += ',';
    AppendQuoted(out, model);
    out += ":" + std::to_string(count);
  }
  return out + "},\"last\":" + Requests("", last, false) + "}\n";
}

}  // namespace mock
