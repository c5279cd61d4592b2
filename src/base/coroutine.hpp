// Coroutines for work that waits: Task<T>, the ready queue that resumes them,
// and Slot<T>, the place where whoever does the waiting leaves the answer.
//
// Nothing here resumes a coroutine from inside another one: every resumption
// goes through ReadyQueue::RunOne(), called by a plain loop. (Symmetric
// transfer overflows the stack at -O0 and under AddressSanitizer, and a loop
// that owns every resumption can note whom it is working on.)
//
// Rules for a coroutine function: parameters by value; never a lambda; nothing
// held across co_await that belongs to PostgreSQL; it never calls PostgreSQL.
#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace capeai {

// Coroutines that may go on. Single-threaded; outlives what it resumes.
class ReadyQueue {
 public:
  void Push(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  bool empty() const { return ready_.empty(); }
  size_t size() const { return ready_.size(); }

  // Takes the first ready coroutine, for a loop that notes whom it resumes;
  // null when there is none.
  std::coroutine_handle<> Pop() {
    if (ready_.empty()) return nullptr;
    std::coroutine_handle<> next = ready_.front();
    ready_.pop_front();
    return next;
  }

  // Resumes the first ready coroutine; false when there is none.
  bool RunOne() {
    std::coroutine_handle<> next = Pop();
    if (next) next.resume();
    return next != nullptr;
  }

  // Forgets `handle`, which is about to be destroyed, unfinished. Looks through them all.
  void Forget(std::coroutine_handle<> handle) { std::erase(ready_, handle); }

 private:
  std::deque<std::coroutine_handle<>> ready_;
};

// Where the answer to one wait arrives. It lives in the frame of the coroutine
// that waits; the one who answers calls Set() exactly once, or never (when the
// wait is dropped together with the coroutine).
template <class T>
class Slot {
 public:
  explicit Slot(ReadyQueue& queue) : queue_(queue) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  void Set(T value) {
    value_.emplace(std::move(value));
    if (waiter_) queue_.Push(std::exchange(waiter_, nullptr));
  }

  bool await_ready() const noexcept { return value_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
  T await_resume() { return std::move(*value_); }

 private:
  ReadyQueue& queue_;
  std::optional<T> value_;
  std::coroutine_handle<> waiter_;
};

// A coroutine that yields one T. It starts suspended; Start() runs it up to its
// first wait. The owner destroys it (finished or not) by letting go of the Task.
// If its frame cannot be allocated the Task is empty: `if (!task)`.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type {
    std::optional<T> value;
    std::exception_ptr exception;

    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    static Task get_return_object_on_allocation_failure() { return Task(nullptr); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(T result) { value.emplace(std::move(result)); }
    void unhandled_exception() noexcept { exception = std::current_exception(); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { Reset(); }

  explicit operator bool() const { return handle_ != nullptr; }
  bool done() const { return handle_ && handle_.done(); }
  std::coroutine_handle<> handle() const { return handle_; }

  // Queues the first step.
  void Start(ReadyQueue& queue) { queue.Push(handle_); }

  // The result of a done() task; throws what the coroutine threw.
  T Take() {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
    return std::move(*handle_.promise().value);
  }

  void Reset() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_ = nullptr;
};

}  // namespace capeai
