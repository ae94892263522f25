// Rows on their way from global memory to a ring of RING places in shared memory, while earlier
// ones are computed with: that takes no registers, which would be so many fewer threads. A thread
// reads what it has fetched itself, so there are no barriers. With RING 0, for rows for which there
// is no shared memory, nothing is on its way.
//
// A thread holds ITEMS vectors of VECTOR channels of a row, see reductions.cu. Options: those, RING.

__device__ __forceinline__ unsigned shared_address(const void* at) {
  return (unsigned)__cvta_generic_to_shared(at);
}

// Starts a copy of a vector, or of zeros. Less than 4 bytes are copied at once.
template <class T, int N>
__device__ __forceinline__ void copy_vector(Vector<T, N>* to, const T* from, bool some) {
  constexpr int ALL = sizeof(Vector<T, N>), EACH = ALL < 16 ? ALL : 16;
  if constexpr (ALL < 4) {
    *to = some ? load<N>(from) : zeros<T, N>();
  } else {
    int bytes = some ? EACH : 0;  // what is left of EACH are zeros
#pragma unroll
    for (int at = 0; at < ALL; at += EACH) {
      if constexpr (EACH == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to) + at),
                     "l"((const char*)from + at), "r"(bytes)
                     : "memory");
      } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to) + at),
                     "l"((const char*)from + at), "n"(EACH), "r"(bytes)
                     : "memory");
      }
    }
  }
}

// A matrix that is read row by row, and its places in shared memory.
template <class T>
struct Rows {
  static constexpr int PLACE = ITEMS * THREADS;
  static constexpr int BYTES = RING * PLACE * (int)sizeof(Vector<T, VECTOR>);

  const T* from;
  long long pitch;
  Vector<T, VECTOR>* places;

  // Places are BYTES at an address that is a multiple of 16.
  __device__ __forceinline__ Rows(const T* from, long long pitch, char* places)
      : from(from), pitch(pitch), places((Vector<T, VECTOR>*)places + threadIdx.x) {}

  __device__ __forceinline__ void fetch(int stage, int i, long long row, int column, bool some) {
    if (RING)
      copy_vector(places + stage * PLACE + i * THREADS, some ? from + row * pitch + column : from, some);
  }

  // What was fetched, once arrived() is past.
  __device__ __forceinline__ void get(
      int stage, int i, long long row, int column, bool some, float (&to)[VECTOR]) const {
    if (RING) {
      places[stage * PLACE + i * THREADS].unpack(to);
    } else {
      (some ? load<VECTOR>(from + row * pitch + column) : zeros<T, VECTOR>()).unpack(to);
    }
  }
};

// Ends what a thread fetches of one row.
__device__ __forceinline__ void fetched() {
  if (RING) asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until all but the newest RING - 1 rows that it fetches are there.
__device__ __forceinline__ void arrived() {
  if (RING) asm volatile("cp.async.wait_group %0;" ::"n"(RING ? RING - 1 : 0) : "memory");
}
