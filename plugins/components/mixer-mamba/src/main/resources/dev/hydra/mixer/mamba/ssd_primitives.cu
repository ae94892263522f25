// The few machine instructions that the SSD kernels are made of. No header is included: NVRTC
// compiles this on machines that have none. Needs sm_80 or later (bf16 tensor cores, cp.async).

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
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

// c += a b for a 16 x 16 (row), b 16 x 8 (col), c 16 x 8 in float32.
__device__ __forceinline__ void mma_bf16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices of bf16; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row) {
  unsigned address = (unsigned)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  unsigned address = (unsigned)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

typedef unsigned SharedAddress;

__device__ __forceinline__ SharedAddress shared_address(const void* at) {
  return (unsigned)__cvta_generic_to_shared(at);
}

// 16 bytes from global to shared memory beside other work; zeros, and nothing read, if not `some`.
__device__ __forceinline__ void copy_async(SharedAddress to, const void* from, bool some) {
  int bytes = some ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until all but the latest PENDING groups of copies have arrived.
template <int PENDING>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

__device__ __forceinline__ float exchange(float value, int lane_mask) {
  return __shfl_xor_sync(0xffffffffu, value, lane_mask);
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

extern __shared__ __align__(16) char shared_memory[];
#define SHARED shared_memory
