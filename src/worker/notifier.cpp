#include "worker/notifier.hpp"

#include <algorithm>
#include <ctime>

#include "base/utf8.hpp"
#include "openai/json.hpp"
#include "pg/bystander.hpp"
#include "pg/encoding.hpp"
#include "pg/process.hpp"
#include "pg/session.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "store/installation.hpp"

namespace capeai::worker {
namespace {

// PostgreSQL allows 7,999 bytes of payload; a piece of text may grow sixfold
// when JSON escapes it, so pieces are halved until they fit.
constexpr size_t kMaxPayload = 7900;
// Where the server's encoding is another, three bytes of UTF-8 may become four (EUC_TW).
constexpr size_t kMaxConverted = 5900;
constexpr size_t kMaxPiece = 6000;

std::string Timestamp() {
  const int64_t micros = WallNow().time_since_epoch().count();
  const time_t seconds = static_cast<time_t>(micros / 1000000);
  // Thousands of events fall into one second.
  static time_t last_second = 0;
  static char prefix[32] = "";
  if (seconds != last_second) {
    tm parts;
    gmtime_r(&seconds, &parts);
    strftime(prefix, sizeof prefix, "%Y-%m-%dT%H:%M:%S", &parts);
    last_second = seconds;
  }
  std::string fraction = std::to_string(1000000 + micros % 1000000);
  fraction[0] = '.';
  return prefix + fraction + 'Z';
}

constexpr std::string_view kTaskChannel = "capeai_task_";

std::string Payload(const Uuid& task, int64_t seq, int attempt, const char* event, std::string_view step,
                    int progress, std::string_view text, const std::string& at) {
  std::string out;
  out.reserve(192 + text.size());
  out.append("{\"task\":\"").append(task.ToString()).append("\",\"seq\":").append(std::to_string(seq));
  out.append(",\"attempt\":").append(std::to_string(attempt)).append(",\"event\":\"").append(event) += '"';
  if (!step.empty()) out.append(",\"step\":").append(Json::String(step).Dump());
  if (progress >= 0) out.append(",\"progress\":").append(std::to_string(progress));
  if (!text.empty()) out.append(",\"text\":").append(Json::String(text).Dump());
  return out.append(",\"at\":\"").append(at).append("\"}");
}

}  // namespace

void Notifier::Event(const Uuid& task, int attempt, const char* event, std::string_view step, int progress,
                     std::string_view text) {
  FlushDelta(task);
  Append(task, attempt, event, step, progress, text);
}

void Notifier::Append(const Uuid& task, int attempt, const char* event, std::string_view step, int progress,
                      std::string_view text) {
  Stream& stream = streams_[task];
  if (stream.attempt != attempt) stream = Stream{attempt, 0, ""};
  std::string payload = Payload(task, ++stream.seq, attempt, event, step, progress, text, Timestamp());
  messages_.push_back({task, std::move(payload)});
}

void Notifier::Delta(const Uuid& task, int attempt, std::string_view text) {
  Stream& stream = streams_[task];
  if (stream.attempt != attempt) stream = Stream{attempt, 0, ""};
  if (stream.pending.empty()) with_pending_.push_back(task);
  stream.pending += text;
}

void Notifier::FlushDelta(const Uuid& task) {
  const auto found = streams_.find(task);
  if (found == streams_.end() || found->second.pending.empty()) return;
  AppendText(task, found->second);
  std::erase(with_pending_, task);
}

void Notifier::AppendText(const Uuid& task, Stream& stream) {
  const std::string text = std::exchange(stream.pending, {});
  const size_t most = pg::DatabaseIsUtf8() ? kMaxPayload : kMaxConverted;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view piece = utf8::Prefix(rest, kMaxPiece);
    std::string payload;
    const std::string at = Timestamp();
    while (true) {
      payload = Payload(task, stream.seq + 1, stream.attempt, "delta", "", -1, piece, at);
      if (payload.size() <= most) break;
      piece = utf8::Prefix(piece, piece.size() / 2);
    }
    ++stream.seq;
    messages_.push_back({task, std::move(payload)});
    rest.remove_prefix(piece.size());
  }
}

void Notifier::Lifecycle(unsigned owner, const Uuid& task, const char* event) {
  lifecycle_[owner].emplace_back(task, event);
}

void Notifier::Forget(const Uuid& task) {
  streams_.erase(task);
  std::erase(with_pending_, task);
}

const std::string& Notifier::UserChannel(unsigned owner) {
  auto [entry, fresh] = user_channels_.try_emplace(owner);
  if (fresh) {
    pg::AsExtensionOwner as_owner;
    entry->second = store::UserChannel(owner);
  }
  return entry->second;
}

std::optional<MonoTime> Notifier::due() const {
  if (!messages_.empty() || !lifecycle_.empty()) return MonoTime{};
  if (with_pending_.empty()) return std::nullopt;
  return text_sent_ + pg::settings::StreamInterval();
}

void Notifier::Send(MonoTime now, bool coming) {
  const auto when = due();
  if (!when || *when > now) return;
  if (coming && messages_.empty() && lifecycle_.empty()) return;
  if (!with_pending_.empty()) text_sent_ = now;
  for (const Uuid& task : std::exchange(with_pending_, {})) AppendText(task, streams_.at(task));
  auto messages = std::exchange(messages_, {});
  const auto lifecycle = std::exchange(lifecycle_, {});
  try {
    pg::Transaction transaction("capeai: sending notifications");
    transaction.NeedNotLast();
    if (pg::NotifyQueueUsage() > 0.5) {
      slot_.notify_skipped.fetch_add(static_cast<uint32_t>(messages.size()));
      return;
    }
    const std::string at = Timestamp();
    const pg::PostgresAtWork at_work;  // what tasks do meanwhile is not for this time
    std::string channel(kTaskChannel);
    for (Message& m : messages) {
      channel.replace(kTaskChannel.size(), std::string::npos, m.task.ToHex());
      pg::Notify(channel.c_str(), pg::ToDatabase(std::move(m.payload)).text.c_str());
    }
    for (const auto& [owner, events] : lifecycle) {
      const std::string& user_channel = UserChannel(owner);
      for (const auto& [task, event] : events)
        pg::Notify(user_channel.c_str(), Payload(task, 0, 0, event, "", -1, "", at).c_str());
    }
    transaction.Commit();
    slot_.transactions.fetch_add(1);
  } catch (const pg::PgError& e) {
    slot_.notify_skipped.fetch_add(static_cast<uint32_t>(messages.size()));
    pg::LogError("sending notifications", e.error());
  }
}

}  // namespace capeai::worker
