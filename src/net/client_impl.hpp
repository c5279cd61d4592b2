// The inside of HttpClient. Private to net/.
//
// The way of a transfer: Start puts it into `fresh_`; Run places it: into its
// origin's `waiting` while the name is being looked up, else into a shard; curl
// reports it done, or a deadline finds it late: Finish takes it out of all of
// these, puts its handle back into `spare_`, and tells the sink.
//
// While curl runs (`inside_curl_`) a transfer cannot be taken out of it: sinks
// that cancel then only silence it, and `condemned_` is emptied afterwards.
#pragma once

#include <deque>
#include <exception>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/client.hpp"
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
  int fd() const { return poller_.fd(); }
  HttpClientStats stats() const;

 private:
  // Marks a stretch in which curl may call sinks.
  class InsideCurl;

  Transfer* Find(TransferId id);
  Origin* OriginFor(const HttpRequest& request, Error* error);
  Shard* PickShard();

  void RunTimers(MonoTime stop);
  void RunResumed();
  void RunDeadlines();
  void RunOrigins();
  void PlaceFresh(MonoTime stop);
  void Trim(MonoTime stop);
  void Harvest();  // finished and condemned transfers

  void Place(Transfer& transfer);
  void Arm(Transfer& transfer);
  void Finish(Transfer& transfer, CURLcode code);
  void FinishFaulty(const Shard& shard);
  void FailWaiting(Origin& origin, const HttpResult& result);
  // Takes the transfer out of everything and keeps its handle for the next one.
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
  std::vector<std::unique_ptr<Shard>> shards_;
  std::map<std::string, Origin, std::less<>> origins_;
  std::set<std::pair<MonoTime, TransferId>> deadlines_;  // one for each transfer
  std::deque<TransferId> fresh_;
  std::vector<TransferId> resumed_;
  std::vector<TransferId> condemned_;

  bool inside_curl_ = false;
  size_t next_shard_ = 0;  // whose timer is looked at first
  std::exception_ptr thrown_;
  HttpClientStats counted_;
};

}  // namespace capeai::net
