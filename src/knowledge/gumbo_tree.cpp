#include "knowledge/gumbo_tree.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace capeai::knowledge {

// Blocks that are freed together. When memory runs out it leaves gumbo, which
// would write through the null pointer, by longjmp: the frames between are
// gumbo's C and the callback below, none with anything to destroy.
class GumboArena {
 public:
  ~GumboArena() {
    while (head_ != nullptr) std::free(std::exchange(head_, head_->next));
  }

  static void* Allocate(void* self, size_t size) noexcept {
    return static_cast<GumboArena*>(self)->Take(size);
  }
  static void Forget(void*, void*) noexcept {}

  std::jmp_buf out_of_memory;

 private:
  struct Block {
    Block* next;
  };
  static constexpr size_t kAlign = alignof(std::max_align_t);
  static constexpr size_t kHeader = (sizeof(Block) + kAlign - 1) / kAlign * kAlign;
  static constexpr size_t kBlockBytes = 64 * 1024;

  void* Take(size_t size) noexcept {
    size = (size + kAlign - 1) / kAlign * kAlign;
    if (size > left_) Grow(size);
    left_ -= size;
    return std::exchange(next_, next_ + size);
  }

  void Grow(size_t size) noexcept {
    const size_t bytes = std::max(size, kBlockBytes);
    void* memory = std::malloc(kHeader + bytes);
    if (memory == nullptr) std::longjmp(out_of_memory, 1);
    head_ = new (memory) Block{head_};
    next_ = static_cast<char*>(memory) + kHeader;
    left_ = bytes;
  }

  Block* head_ = nullptr;
  char* next_ = nullptr;
  size_t left_ = 0;
};

namespace {

// Holds no object with a destructor: Take() may jump back here.
const GumboNode* Parse(GumboArena* arena, const char* html, size_t size) {
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = GumboArena::Allocate;
  options.deallocator = GumboArena::Forget;
  options.userdata = arena;
  options.max_errors = 0;
  if (setjmp(arena->out_of_memory) != 0) return nullptr;
  return gumbo_parse_with_options(&options, html, size)->root;
}

}  // namespace

GumboTree::GumboTree(std::string html)
    : html_(std::move(html)),
      arena_(std::make_unique<GumboArena>()),
      root_(Parse(arena_.get(), html_.data(), html_.size())) {
  if (root_ == nullptr) throw std::bad_alloc();
}

GumboTree::~GumboTree() = default;

}  // namespace capeai::knowledge
