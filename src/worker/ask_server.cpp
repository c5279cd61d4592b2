#include "worker/ask_server.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {
namespace {

// Queued for one backend, whatever the number of its streams, beyond its 64 kB ring.
constexpr size_t kFullBytes = 256 * 1024;

}  // namespace

bool AskServer::Connection::full() const { return channel->outbox_bytes() > kFullBytes; }

AskServer::Connection* AskServer::Find(const AskAddress& to) {
  const auto found = connections_.find(to.proc);
  if (found == connections_.end() || found->second.channel->handle() != to.handle) return nullptr;
  return &found->second;
}

const AskServer::Connection* AskServer::Find(const AskAddress& to) const {
  return const_cast<AskServer*>(this)->Find(to);
}

AskServer::News AskServer::Poll(MonoTime now) {
  News news;
  pg::TakeAttention(slot_, [&](int proc) {
    const uint32_t handle = pg::PostOf(proc).channel.load();
    const auto known = connections_.find(proc);
    if (known != connections_.end() && known->second.channel->handle() == handle) return;
    if (known != connections_.end()) Close(proc, news);
    if (handle == 0) return;
    try {
      if (auto channel = pg::Channel::Join(handle)) connections_[proc].channel = std::move(channel);
    } catch (const pg::PgError& e) {
      pg::LogError("joining a backend's channel", e.error());
    }
  });
  std::vector<int> gone;
  for (auto& [proc, connection] : connections_) {
    const bool there = ReadFrom(proc, connection, now, news) && connection.channel->Flush();
    FindDrained(proc, connection, news);
    if (!there) gone.push_back(proc);
  }
  for (int proc : gone) Close(proc, news);
  if (next_idle_ && now >= *next_idle_) FindIdle(now, news);
  return news;
}

bool AskServer::ReadFrom(int proc, Connection& connection, MonoTime now, News& news) {
  std::string text;
  pg::Channel::State state;
  while ((state = connection.channel->Receive(&text)) == pg::Channel::State::kMessage) {
    auto message = DecodeAskMessage(text);
    if (!message) continue;
    if (message->request) TakeRequest(proc, connection, std::move(*message->request), news);
    if (message->found && connection.open.contains(message->found->number)) {
      const AskAddress to{proc, connection.channel->handle(), message->found->number};
      news.found.emplace_back(to, std::move(*message->found));
    }
    if (message->credit) TakeCredit(connection, *message->credit, now);
    if (!message->cancel) continue;
    connection.open.erase(*message->cancel);
    connection.streams.erase(*message->cancel);
    news.cancelled.push_back({proc, connection.channel->handle(), *message->cancel});
  }
  return state != pg::Channel::State::kGone;
}

void AskServer::TakeRequest(int proc, Connection& connection, AskRequest request, News& news) {
  const uint32_t number = request.number;
  connection.open.insert(number);
  if (request.stream) connection.streams[number].idle_timeout = request.idle_timeout;
  news.requests.push_back({{proc, connection.channel->handle(), number}, std::move(request)});
}

void AskServer::TakeCredit(Connection& connection, const AskCredit& credit, MonoTime now) {
  const auto found = connection.streams.find(credit.number);
  if (found == connection.streams.end()) return;
  Stream& stream = found->second;
  stream.unread -= std::min(stream.unread, credit.cost);
  stream.unread_since = now;
}

void AskServer::FindDrained(int proc, Connection& connection, News& news) {
  if (connection.channel->outbox_bytes() > kFullBytes / 2) return;
  for (auto& [number, stream] : connection.streams) {
    if (!stream.was_full || stream.unread > kStreamWindow / 2) continue;
    stream.was_full = false;
    news.drained.push_back({proc, connection.channel->handle(), number});
  }
}

void AskServer::FindIdle(MonoTime now, News& news) {
  next_idle_.reset();
  for (auto& [proc, connection] : connections_) {
    for (auto& [number, stream] : connection.streams) {
      if (stream.unread == 0 || stream.idle_timeout == Duration::zero()) continue;
      const MonoTime end = stream.unread_since + stream.idle_timeout;
      if (end <= now)
        news.idle.push_back({proc, connection.channel->handle(), number});
      else
        next_idle_ = next_idle_ ? std::min(*next_idle_, end) : end;
    }
  }
}

void AskServer::Close(int proc, News& news) {
  const auto found = connections_.find(proc);
  for (uint32_t number : found->second.open)
    news.cancelled.push_back({proc, found->second.channel->handle(), number});
  connections_.erase(found);
}

void AskServer::SendDelta(const AskAddress& to, std::string_view text, MonoTime now) {
  Connection* connection = Find(to);
  if (!connection) return;
  const auto found = connection->streams.find(to.number);
  if (found == connection->streams.end()) return;
  Stream& stream = found->second;
  if (stream.unread == 0) {
    stream.unread_since = now;
    const MonoTime end = now + stream.idle_timeout;
    if (stream.idle_timeout > Duration::zero()) next_idle_ = next_idle_ ? std::min(*next_idle_, end) : end;
  }
  stream.unread += DeltaCost(text);
  AskReply reply;
  reply.kind = AskReply::Kind::kDelta;
  reply.text = text;
  Send(to, std::move(reply), false);
  if (stream.unread > kStreamWindow || connection->full()) stream.was_full = true;
}

void AskServer::Send(const AskAddress& to, AskReply reply, bool last) {
  Connection* connection = Find(to);
  if (!connection || !connection->open.contains(to.number)) return;
  reply.number = to.number;
  connection->channel->Queue(reply.Encode());
  unsent_.push_back(to.proc);
  if (!last) return;
  connection->open.erase(to.number);
  connection->streams.erase(to.number);
}

void AskServer::Flush() {
  for (const int proc : std::exchange(unsent_, {}))
    if (const auto found = connections_.find(proc); found != connections_.end())
      found->second.channel->Flush();
}

bool AskServer::IsFull(const AskAddress& to) const {
  const Connection* connection = Find(to);
  if (!connection) return false;
  const auto found = connection->streams.find(to.number);
  return found != connection->streams.end() && found->second.was_full;
}

size_t AskServer::in_flight() const {
  size_t count = 0;
  for (const auto& [proc, connection] : connections_) count += connection.open.size();
  return count;
}

}  // namespace capeai::worker
