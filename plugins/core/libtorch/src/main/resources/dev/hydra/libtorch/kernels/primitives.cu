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

// The value of the lane whose number differs in the bits of the mask.
__device__ __forceinline__ float exchange(float value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

extern __shared__ __align__(16) char shared_memory[];
#define SHARED shared_memory
