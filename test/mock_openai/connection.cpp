// Reading, playing replies, leaving: see connection.hpp.
#include "connection.hpp"

#include <sys/socket.h>
#include <time.h>

#include <cerrno>

#include "responses.hpp"

namespace mock {
namespace {

constexpr size_t kMaxPipelined = 1 << 20;  // bytes of later requests while one is answered

int64_t Micros(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000000 + t.tv_nsec / 1000;
}

}  // namespace

int64_t WallMicros() { return Micros(CLOCK_REALTIME); }
int64_t MonotonicMicros() { return Micros(CLOCK_MONOTONIC); }

// The connection is over; a request in flight counts as aborted by the client.
Wish Connection::Leave() {
  if (busy_ && reply_.record != 0) service_.report().Finish(reply_.record, WallMicros(), true);
  busy_ = false;
  Wish wish;
  wish.close = true;
  return wish;
}

Wish Connection::OnReadable(int64_t now) {
  static char buffer[256 * 1024];  // shared by all: an idle connection owns no buffer
  const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Wish() : Leave();
  if (got == 0) return Leave();
  const std::string_view fresh(buffer, static_cast<size_t>(got));
  if (!busy_ && input_.empty()) return Serve(fresh, now, true);
  input_.append(fresh);
  if (!busy_) return Serve(input_, now, false);
  if (input_.size() > kMaxPipelined) return Leave();
  return Pump(now);  // tells the loop again what it waits for
}

// `bytes` begin with the current request; `borrowed`: they are not in input_ yet.
Wish Connection::Serve(std::string_view bytes, int64_t now, bool borrowed) {
  HttpRequest request;
  size_t consumed = 0;
  const HttpParser::State state = parser_.Feed(bytes, request, consumed);
  if (state == HttpParser::State::kNeedMore) {
    if (borrowed) input_.assign(bytes);
    if (parser_.TakeContinue()) {
      output_ = "HTTP/1.1 100 Continue\r\n\r\n";
      written_ = 0;
      return Flush() ? Wish() : Leave();
    }
    return {};
  }
  if (state != HttpParser::State::kDone) {
    const bool large = state == HttpParser::State::kTooLarge;
    reply_ = ErrorReply({large ? 413 : 400, large ? "Request too large." : "Malformed HTTP request.",
                         "invalid_request_error", "", ""});
    reply_.ending = Ending::kClose;
    consumed = bytes.size();
  } else {
    reply_ = service_.Handle(request, WallMicros());
  }
  if (borrowed) {
    input_.assign(bytes.substr(consumed));
  } else {
    input_.erase(0, consumed);
  }
  busy_ = true;
  next_ = 0;
  due_ = -1;
  return Pump(now);
}

// Writes what is left of output_. False: the connection broke.
bool Connection::Flush() {
  while (written_ < output_.size()) {
    const ssize_t sent = send(fd_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    written_ += static_cast<size_t>(sent);
  }
  std::string().swap(output_);
  written_ = 0;
  return true;
}

// Has the wait of `delay` before the next write passed? If not, `wish` says until when.
bool Connection::IsDue(int64_t delay, int64_t now, Wish& wish) {
  if (delay <= 0) return true;
  if (due_ < 0) due_ = now + delay;
  if (now < due_) {
    wish.due = due_;
    return false;
  }
  due_ = -1;
  return true;
}

Wish Connection::OnTimer(int64_t now) {
  if (busy_) return Pump(now);
  return input_.empty() ? Wish() : Serve(input_, now, false);
}

Wish Connection::Pump(int64_t now) {
  Wish wish;
  while (busy_) {
    if (!output_.empty()) {
      if (!Flush()) return Leave();
      if (!output_.empty()) {
        wish.writable = true;
        return wish;
      }
    }
    if (next_ < reply_.pieces.size()) {
      Piece& piece = reply_.pieces[next_];
      if (!IsDue(piece.delay, now, wish)) return wish;
      output_ = std::move(piece.bytes);
      ++next_;
    } else if (!reply_.repeat.empty()) {
      if (!IsDue(1, now, wish)) return wish;  // one turn of the loop each, so that others are served too
      output_ = reply_.repeat;
    } else if (reply_.ending == Ending::kHang) {
      return wish;
    } else {
      return Finish(now);
    }
  }
  return wish;
}

Wish Connection::Finish(int64_t now) {
  if (reply_.record != 0) service_.report().Finish(reply_.record, WallMicros(), false);
  const Ending ending = reply_.ending;
  reply_ = Reply();
  busy_ = false;
  Wish wish;
  if (ending == Ending::kKeepAlive) {
    if (!input_.empty()) wish.due = now;  // the next request has come already
    return wish;
  }
  if (ending == Ending::kReset) {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  wish.close = true;
  return wish;
}

}  // namespace mock
