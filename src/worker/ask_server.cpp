#include "worker/ask_server.hpp"

#include <algorithm>

#include "pg/guard.hpp"
#include "pg/process.hpp"
#include "pg/shared.hpp"

namespace capeai::worker {
namespace {

// Queued for one backend beyond its 64 kB ring before reading from the model stops.
constexpr size_t kFullBytes = 256 * 1024;

}  // namespace

AskServer::Connection* AskServer::Find(const AskAddress& to) {
  const auto found = connections_.find(to.proc);
  if (found == connections_.end() || found->second.channel->handle() != to.handle) return nullptr;
  return &found->second;
}

const AskServer::Connection* AskServer::Find(const AskAddress& to) const {
  return const_cast<AskServer*>(this)->Find(to);
}

AskServer::News AskServer::Poll() {
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
    const bool there = ReadFrom(proc, connection, news) && connection.channel->Flush();
    if (connection.was_full && connection.channel->outbox_bytes() < kFullBytes / 2) {
      connection.was_full = false;
      for (uint32_t number : connection.open)
        news.drained.push_back({proc, connection.channel->handle(), number});
    }
    if (!there) gone.push_back(proc);
  }
  for (int proc : gone) Close(proc, news);
  return news;
}

bool AskServer::ReadFrom(int proc, Connection& connection, News& news) {
  std::string text;
  pg::Channel::State state;
  while ((state = connection.channel->Receive(&text)) == pg::Channel::State::kMessage) {
    auto message = DecodeAskMessage(text);
    if (!message) continue;
    const uint32_t handle = connection.channel->handle();
    if (message->cancel) {
      std::erase(connection.open, *message->cancel);
      news.cancelled.push_back({proc, handle, *message->cancel});
    } else {
      connection.open.push_back(message->request->number);
      news.requests.push_back({{proc, handle, message->request->number}, std::move(*message->request)});
    }
  }
  return state != pg::Channel::State::kGone;
}

void AskServer::Close(int proc, News& news) {
  const auto found = connections_.find(proc);
  for (uint32_t number : found->second.open)
    news.cancelled.push_back({proc, found->second.channel->handle(), number});
  connections_.erase(found);
}

void AskServer::SendDelta(const AskAddress& to, std::string_view text) {
  AskReply reply;
  reply.kind = AskReply::Kind::kDelta;
  reply.text = text;
  Send(to, std::move(reply), false);
}

void AskServer::Send(const AskAddress& to, AskReply reply, bool last) {
  Connection* connection = Find(to);
  if (!connection) return;
  reply.number = to.number;
  connection->channel->Send(reply.Encode());
  if (connection->channel->outbox_bytes() > kFullBytes) connection->was_full = true;
  if (last) std::erase(connection->open, to.number);
}

bool AskServer::IsFull(const AskAddress& to) const {
  const Connection* connection = Find(to);
  return connection && connection->channel->outbox_bytes() > kFullBytes;
}

size_t AskServer::in_flight() const {
  size_t count = 0;
  for (const auto& [proc, connection] : connections_) count += connection.open.size();
  return count;
}

}  // namespace capeai::worker
