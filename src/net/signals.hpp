// Signals stay pending while a SignalsBlocked lives. Threads inherit the mask of
// whoever starts them, so those that begin meanwhile never run a handler of the
// server's.
#pragma once

#include <signal.h>

namespace capeai::net {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace capeai::net
