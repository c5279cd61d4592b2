#include "openai/json_memory.hpp"

#include <jansson.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace capeai {
namespace {

// A slab holds blocks of one size. It is aligned to its size, so that the address of a block tells its slab.
constexpr size_t kSlabSize = size_t{64} * 1024;
constexpr size_t kStep = 16;
constexpr size_t kLargest = 256;
// Beyond so many slabs (128 MB) the heap has to do. The table that knows them is never more than half full.
constexpr size_t kMaxSlabs = 2048;
constexpr size_t kTableSize = 2 * kMaxSlabs;
constexpr int kTableBits = 12;
static_assert(kTableSize == size_t{1} << kTableBits);

struct Block {
  Block* next;
};

struct alignas(kStep) Slab {
  size_t pool;
};

std::array<Block*, kLargest / kStep + 1> free_blocks;
std::array<uintptr_t, kTableSize> table;
size_t slabs = 0;

// The place of a slab in the table, or where it would have to be.
uintptr_t& Place(uintptr_t slab) {
  size_t i = slab / kSlabSize * 0x9E3779B97F4A7C15U >> (64 - kTableBits);
  while (table[i] != 0 && table[i] != slab) i = (i + 1) % kTableSize;
  return table[i];
}

bool AddSlab(size_t pool) {
  if (slabs == kMaxSlabs) return false;
  void* memory = std::aligned_alloc(kSlabSize, kSlabSize);
  if (!memory) return false;
  ++slabs;
  const auto at = reinterpret_cast<uintptr_t>(memory);
  Place(at) = at;
  new (memory) Slab{pool};
  auto* bytes = static_cast<char*>(memory);
  for (size_t end = kSlabSize; end >= sizeof(Slab) + pool * kStep; end -= pool * kStep)
    free_blocks[pool] = new (bytes + end - pool * kStep) Block{free_blocks[pool]};
  return true;
}

void* Allocate(size_t size) noexcept {
  const size_t pool = (size + kStep - 1) / kStep;
  if (size == 0 || size > kLargest || (!free_blocks[pool] && !AddSlab(pool))) return std::malloc(size);
  Block* block = free_blocks[pool];
  free_blocks[pool] = block->next;
  return block;
}

void Free(void* memory) noexcept {
  const uintptr_t slab = reinterpret_cast<uintptr_t>(memory) & ~(kSlabSize - 1);
  if (!memory || Place(slab) != slab) return std::free(memory);
  const size_t pool = reinterpret_cast<const Slab*>(slab)->pool;
  free_blocks[pool] = new (memory) Block{free_blocks[pool]};
}

}  // namespace

void PoolJsonMemory() { json_set_alloc_funcs(&Allocate, &Free); }

}  // namespace capeai
