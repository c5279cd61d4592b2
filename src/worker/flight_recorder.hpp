// The flight recorder: which task the process is working on at this moment, in
// a small memory-mapped file that survives the process (shared memory does not:
// PostgreSQL makes it anew after a crash). One store per task touched. If the
// process dies in the middle, its successor reads who was to blame.
#pragma once

#include <string>

#include "base/uuid.hpp"

namespace capeai::worker {

class FlightRecorder {
 public:
  // `path` relative to the data directory. A file that cannot be opened or
  // mapped is no reason to stop: then nothing is recorded.
  explicit FlightRecorder(const std::string& path);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  // Whom the last process was working on when it ended; nil: nobody.
  Uuid blamed() const { return blamed_; }

  // Notes a task for the life time of the returned object.
  class Entry {
   public:
    Entry(FlightRecorder& recorder, const Uuid& id);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    volatile unsigned char* at_;
    Uuid before_;
  };

 private:
  volatile unsigned char* map_ = nullptr;
  unsigned char spare_[16] = {};
  Uuid blamed_;
};

// The helper's, beside the worker's own.
std::string HelperRecorderPath(unsigned database);

}  // namespace capeai::worker
