#include "net/shard.hpp"

#include <unistd.h>

#include <new>

#include "net/transfer.hpp"

namespace capeai::net {

Shard::Shard(Poller& poller, Poller* readers, size_t capacity)
    : poller_(poller), readers_(readers), multi_(curl_multi_init()), capacity_(capacity) {
  if (!multi_) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Shard::OnSocket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Shard::OnTimer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  // Connections kept when their transfer is done. The default, four times the
  // transfers, would let changing servers pile up idle sockets.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(capacity));
}

Shard::~Shard() { curl_multi_cleanup(multi_); }

bool Shard::Add(Transfer& transfer) {
  if (curl_multi_add_handle(multi_, transfer.easy) != CURLM_OK) return false;
  ++active;
  return true;
}

void Shard::Remove(Transfer& transfer, MonoTime now) {
  curl_multi_remove_handle(multi_, transfer.easy);
  if (--active == 0) idle_since = now;
}

void Shard::OnReady(int socket, uint32_t ready) noexcept {
  const int mask = (ready & kReadable ? CURL_CSELECT_IN : 0) | (ready & kWritable ? CURL_CSELECT_OUT : 0) |
                   (ready & kBroken ? CURL_CSELECT_ERR : 0);
  int running = 0;
  touched = true;
  curl_multi_socket_action(multi_, socket, mask, &running);
}

void Shard::RunTimers() {
  int running = 0;
  touched = true;
  timer.reset();
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
}

Transfer* Shard::NextDone(CURLcode* code) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    *code = message->data.result;
    void* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    return static_cast<Transfer*>(transfer);
  }
  return nullptr;
}

int Shard::OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void*) noexcept {
  auto* shard = static_cast<Shard*>(self);
  Poller* now = shard->readers_ && what == CURL_POLL_IN ? shard->readers_ : &shard->poller_;
  if (what == CURL_POLL_REMOVE || now != &shard->poller_) shard->poller_.Remove(socket);
  if (shard->readers_ && now != shard->readers_) shard->readers_->Remove(socket);
  if (what == CURL_POLL_REMOVE) return 0;
  const uint32_t interest = (what & CURL_POLL_IN ? kReadable : 0u) | (what & CURL_POLL_OUT ? kWritable : 0u);
  bool watched = false;
  try {
    watched = now->Watch(socket, interest, shard);
  } catch (const std::bad_alloc&) {
    watched = false;
  }
  if (!watched) {
    // An error code would make curl give up the whole multi handle.
    void* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    if (transfer) static_cast<Transfer*>(transfer)->Fail(HttpError::kInternal, "could not watch its socket");
    shard->faulty = true;
  }
  return 0;
}

int Shard::OnTimer(CURLM*, long timeout_ms, void* self) noexcept {
  auto* shard = static_cast<Shard*>(self);
  if (timeout_ms < 0) {
    shard->timer.reset();
  } else {
    shard->timer = MonoNow() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

int CloseShardSocket(void* shard, curl_socket_t socket) noexcept {
  auto* home = static_cast<Shard*>(shard);
  --home->sockets;
  return close(socket);
}

}  // namespace capeai::net
