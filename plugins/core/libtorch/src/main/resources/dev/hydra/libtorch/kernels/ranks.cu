// Choices of the largest of many floats by comparisons of whole numbers, whose order does not matter.

// Maps floats to unsigned numbers of the same order, all above 0; NaN is above all.
__device__ __forceinline__ unsigned ordered(float value) {
  unsigned bits = __float_as_uint(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float unordered(unsigned rank) {
  return __uint_as_float(rank & 0x80000000u ? rank & 0x7fffffffu : ~rank);
}

// A rank, and behind it what it is the rank of: of equal ranks the first is the larger one.
typedef unsigned long long Ranked;

__device__ __forceinline__ Ranked ranked(unsigned rank, int of) {
  return (Ranked)rank << 32 | (unsigned)~of;
}

__device__ __forceinline__ unsigned rank_of(Ranked value) { return (unsigned)(value >> 32); }

__device__ __forceinline__ int of(Ranked value) { return (int)~(unsigned)value; }

__device__ __forceinline__ Ranked larger(Ranked a, Ranked b) { return a > b ? a : b; }
