// The inside of HttpClient. Private to net/.
//
// The way of a transfer: Start puts it into `fresh_`; Serve places it: into its
// origin's `waiting` while the name is being looked up, else into a shard; curl
// reports it done, or a deadline finds it late: Conclude takes it out of all of
// these and puts it into `ended_`; Deliver tells the sink, and puts its handle back
// into `spare_`.
//
// Serve is what the thread of `background_` does while the owner is away, and
// DeliverEnded if it is to go on in the owner's place; all else is the owner's.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/arrivals.hpp"
#include "net/background.hpp"
#include "net/client.hpp"
#include "net/paced_poller.hpp"
#include "net/shard.hpp"
#include "net/transfer.hpp"

namespace capeai::net {

class HttpClient::Impl {
 public:
  Impl(Poller& poller, std::shared_ptr<const EgressPolicy> egress, HttpClientOptions options);
  ~Impl();

  TransferId Start(HttpRequest request, HttpSink* sink);
  bool Cancel(TransferId id);
  void Pause(TransferId id);
  void Resume(TransferId id);
  void SetEgress(std::shared_ptr<const EgressPolicy> egress);
  std::optional<Duration> NextTimeout() const;
  void Run();
  void Leave(const GoOn* go_on, size_t waiting);
  void Return();
  void StopBackground() { background_.reset(); }
  void SetResponseMemory(size_t bytes) { arrivals_.most = bytes; }
  void SetPace(Duration pace);
  bool reading() const { return paced_ && paced_->under_way(); }
  int fd() const { return poller_.fd(); }
  HttpClientStats stats() const;

 private:
  // When a stretch of serving is over.
  struct Stop {
    MonoTime at;
    const std::atomic<bool>* called_back = nullptr;
    bool operator()() const { return (called_back && *called_back) || MonoNow() > at; }
  };

  Transfer* Find(TransferId id);
  Origin* OriginFor(const HttpRequest& request, Error* error);
  Shard* PickShard(bool paced);
  bool HavePacedSockets();

  // All that is due but the sinks' OnNews and OnDone. False: `stop` came before the end.
  bool Serve(const Stop& stop);
  bool HaveBackground();
  // In the thread.
  std::optional<Duration> ServeAlone(const std::atomic<bool>& called_back) noexcept;
  // Until Serve has something to do, sockets aside.
  std::optional<Duration> NextWork() const;
  void Deliver();
  // Those that have ended, until called back (nullptr: all).
  void DeliverEnded(const std::atomic<bool>* called_back);
  bool undelivered() const { return !arrivals_.news.empty() || !ended_.empty(); }

  void RunTimers(const Stop& stop);
  void RunResumed();
  void RunDeadlines();
  void RunOrigins();
  void PlaceFresh(const Stop& stop);
  void Trim(const Stop& stop);
  void Harvest(const Stop& stop);

  void Place(Transfer& transfer);
  void Arm(Transfer& transfer);
  // It has ended, as far as curl is concerned.
  void Conclude(Transfer& transfer, CURLcode code);
  void ConcludeFaulty(const Shard& shard);
  void FailWaiting(Origin& origin, const HttpResult& result);
  void TellNews(Transfer& transfer);
  // Those that had to wait, and need not any more.
  void LetHeldGoOn();
  // Takes the transfer out of everything that works on it.
  void Detach(Transfer& transfer);
  // Forgets the transfer and keeps its handle for the next one.
  void Release(Transfer& transfer);

  Poller& poller_;
  const HttpClientOptions options_;
  std::shared_ptr<const EgressPolicy> egress_;
  // Policies that connections in the making may still ask.
  std::vector<std::shared_ptr<const EgressPolicy>> old_egress_;
  CURLSH* share_;

  TransferId last_id_ = 0;
  std::unordered_map<TransferId, std::unique_ptr<Transfer>> transfers_;
  std::vector<std::unique_ptr<Transfer>> spare_;
  std::unique_ptr<PacedPoller> paced_;  // from the first request that is
  Duration pace_{0};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::map<std::string, Origin, std::less<>> origins_;
  std::set<std::pair<MonoTime, TransferId>> deadlines_;  // one for each transfer
  std::deque<TransferId> fresh_;
  std::vector<TransferId> resumed_;
  Arrivals arrivals_;
  std::deque<TransferId> ended_;

  size_t next_shard_ = 0;  // whose timer is looked at first
  std::exception_ptr thrown_;
  HttpClientStats counted_;

  bool away_ = false;
  const GoOn* go_on_ = nullptr;             // while away
  bool alone_ = false;                      // no thread is to be had
  std::unique_ptr<Background> background_;  // from the first time that it was worth while
};

}  // namespace capeai::net
