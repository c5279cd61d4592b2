// A tiny scripted server for the tests of net/: a listening socket on loopback
// and one thread per connection that runs the test's script on it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace capeai::net::test {

// The server's side of one connection.
class Peer {
 public:
  Peer(int fd, const std::atomic<bool>& stop) : fd_(fd), stop_(stop) {}

  // Reads one request with Content-Length body; "" when the client is gone.
  std::string ReadRequest() {
    while (true) {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const size_t total = end + 4 + BodyLength(buffer_.substr(0, end));
        if (buffer_.size() >= total) {
          std::string request = buffer_.substr(0, total);
          buffer_.erase(0, total);
          return request;
        }
      }
      if (!ReadMore()) return "";
    }
  }
  // False once the client has closed or the test is over.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!Wait(POLLOUT)) return false;
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void WaitUntilClosed() {
    while (ReadMore()) buffer_.clear();
  }
  void Reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }

  size_t sent = 0;

 private:
  static size_t BodyLength(const std::string& head) {
    const size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
  }
  bool Wait(short what) {
    pollfd p{fd_, what, 0};
    while (!stop_) {
      const int ready = poll(&p, 1, 20);
      if (ready != 0) return ready > 0;
    }
    return false;
  }
  bool ReadMore() {
    char bytes[65536];
    if (!Wait(POLLIN)) return false;
    const ssize_t n = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(n));
    return true;
  }

  int fd_;
  const std::atomic<bool>& stop_;
  std::string buffer_;
};

class Server {
 public:
  using Script = std::function<void(Peer&)>;

  explicit Server(Script script) : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 1024);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~Server() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& t : threads_) t.join();
    close(listener_);
  }

  std::string url(const std::string& path = "/v1/x") const {
    return "http://127.0.0.1:" + std::to_string(port) + path;
  }

  uint16_t port = 0;
  std::atomic<int> connections{0};
  std::atomic<int> closed{0};

 private:
  void Accept() {
    pollfd p{listener_, POLLIN, 0};
    while (!stop_) {
      if (poll(&p, 1, 20) <= 0) continue;
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections;
      threads_.emplace_back([this, fd] {
        Peer peer(fd, stop_);
        script_(peer);
        close(fd);
        ++closed;
      });
    }
  }

  Script script_;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
};

inline std::string Response(const std::string& body, const std::string& head = "HTTP/1.1 200 OK") {
  return head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nX-Test:  Yes \r\n\r\n" + body;
}

}  // namespace capeai::net::test
