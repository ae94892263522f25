// The few machine instructions that the kernels are made of, and what the lanes of a warp tell each
// other. No header is included: NVRTC compiles this on machines that have none. Needs sm_80 or later
// (conversion to bf16).

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
template <class T>
__device__ __forceinline__ T exchange(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

// The value of a lane.
template <class T>
__device__ __forceinline__ T from_lane(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}

// The value of the lane so far below, or own for the first ones.
template <class T>
__device__ __forceinline__ T from_below(T value, int distance) {
  return __shfl_up_sync(0xffffffffu, value, distance);
}

// A value that all lanes have, for the registers that a warp has once.
__device__ __forceinline__ int uniform(int value) { return from_lane(value, 0); }

// The sum of the values of lanes up to this one.
template <class T>
__device__ __forceinline__ T sum_up_to(int lane, T value) {
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    T other = from_below(value, distance);
    if (lane >= distance) value += other;
  }
  return value;
}

// The sum over COUNT neighbouring lanes, a power of 2, in each of them.
template <int COUNT = 32, class T>
__device__ __forceinline__ T sum_lanes(T value) {
#pragma unroll
  for (int mask = COUNT / 2; mask > 0; mask /= 2) value += exchange(value, mask);
  return value;
}

template <int COUNT = 32>
__device__ __forceinline__ float largest_lane(float value) {
#pragma unroll
  for (int mask = COUNT / 2; mask > 0; mask /= 2) value = fmaxf(value, exchange(value, mask));
  return value;
}

// The sum over the lanes whose numbers differ in the bits from FIRST to below END. The nearest ones are added first,
// in sum_lanes the farthest, so these round differently.
template <int FIRST, int END>
__device__ __forceinline__ float sum_between(float value) {
#pragma unroll
  for (int mask = FIRST; mask < END; mask *= 2) value += exchange(value, mask);
  return value;
}

template <int FIRST, int END>
__device__ __forceinline__ float largest_between(float value) {
#pragma unroll
  for (int mask = FIRST; mask < END; mask *= 2) value = fmaxf(value, exchange(value, mask));
  return value;
}

// Over the four lanes that have a row of sums of tensor cores.
__device__ __forceinline__ float sum_quad(float value) {
  value += exchange(value, 1);
  return value + exchange(value, 2);
}

__device__ __forceinline__ float largest_of_quad(float value) {
  value = fmaxf(value, exchange(value, 1));
  return fmaxf(value, exchange(value, 2));
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
