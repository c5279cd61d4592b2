#include "worker/flight_recorder.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace capeai::worker {
namespace {

constexpr size_t kSize = 16;

void Store(volatile unsigned char* at, const Uuid& id) {
  for (size_t i = 0; i < kSize; ++i) at[i] = id.bytes[i];
}

Uuid Load(const volatile unsigned char* at) {
  Uuid id;
  for (size_t i = 0; i < kSize; ++i) id.bytes[i] = at[i];
  return id;
}

}  // namespace

std::string HelperRecorderPath(unsigned database) {
  return "pg_stat/capeai." + std::to_string(database) + ".helper";
}

FlightRecorder::FlightRecorder(const std::string& path) {
  map_ = spare_;
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (ftruncate(fd, kSize) == 0) {
    void* mapped = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) map_ = static_cast<volatile unsigned char*>(mapped);
  }
  close(fd);
  blamed_ = Load(map_);
  Store(map_, Uuid{});
}

FlightRecorder::~FlightRecorder() {
  if (map_ == spare_) return;
  Store(map_, Uuid{});
  munmap(const_cast<unsigned char*>(map_), kSize);
}

FlightRecorder::Entry::Entry(FlightRecorder& recorder, const Uuid& id)
    : at_(recorder.map_), before_(Load(recorder.map_)) {
  Store(at_, id);
}

FlightRecorder::Entry::~Entry() { Store(at_, before_); }

}  // namespace capeai::worker
