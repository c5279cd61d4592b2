// Memory for JSON values: many, small, and in a worker thousands of documents at once.
#pragma once

namespace capeai {

// From now on this process takes the memory of its JSON values from pools by size, which cost a fraction of
// malloc, do not fall apart among the other blocks of the heap, and are never given back. For a process that
// makes documents all the time and holds a bounded number of them. Values made before, or by somebody else
// who uses jansson in this process, go back to where they came from.
void PoolJsonMemory();

}  // namespace capeai
