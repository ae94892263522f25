// The few machine instructions that the kernels are made of. No header is included: NVRTC compiles
// this on machines that have none. Needs sm_80 or later (conversion to bf16).

#define LOG2_E 1.4426950408889634f
#define LN_2 0.6931471805599453f

// 2^x within 2 units of the last place; what would be denormal is 0.
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// 1 / x within 1 unit of the last place; 0 for infinity.
__device__ __forceinline__ float reciprocal_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Two floats to two bf16, rounded to nearest even; the first in the low half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
  unsigned packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

__device__ __forceinline__ float low_bf16(unsigned packed) { return __uint_as_float(packed << 16); }

__device__ __forceinline__ float high_bf16(unsigned packed) {
  return __uint_as_float(packed & 0xffff0000u);
}

// The value of the lane whose number differs in the bits of the mask.
__device__ __forceinline__ float exchange(float value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

// Waits until so many threads of the block, whole warps, have come to a barrier, of which there are 15 besides the
// one of __syncthreads(): that has number 0.
template <int COUNT>
__device__ __forceinline__ void team_meets(int barrier) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(COUNT) : "memory");
}

// Comes there and goes on.
template <int COUNT>
__device__ __forceinline__ void team_arrives(int barrier) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "n"(COUNT) : "memory");
}

extern __shared__ __align__(16) char shared_memory[];
#define SHARED shared_memory
