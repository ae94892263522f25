// The few machine instructions of the SSD kernels that primitives.cu and tensor_cores.cu do not have.

__device__ __forceinline__ float low_bf16(unsigned packed) { return __uint_as_float(packed << 16); }

__device__ __forceinline__ float high_bf16(unsigned packed) {
  return __uint_as_float(packed & 0xffff0000u);
}

typedef unsigned SharedAddress;

__device__ __forceinline__ SharedAddress shared_address(const void* at) {
  return (unsigned)__cvta_generic_to_shared(at);
}

__device__ __forceinline__ unsigned exchange(unsigned value, int lane_mask) {
  return __shfl_xor_sync(0xffffffffu, value, lane_mask);
}

// The value of the lane DISTANCE below, or own for the first ones.
__device__ __forceinline__ float from_below(float value, int distance) {
  return __shfl_up_sync(0xffffffffu, value, distance);
}

__device__ __forceinline__ float from_lane(float value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
