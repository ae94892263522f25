// Products of small matrices in bfloat16 with sums in float32, and how their operands come from
// shared memory. Needs sm_80 or later. In the fragments of a warp lane l holds, two by two, elements
// 2 (l % 4) and on of row l / 4, and of row l / 4 + 8.

typedef unsigned SharedAddress;

__device__ __forceinline__ SharedAddress shared_address(const void* at) {
  return (SharedAddress)__cvta_generic_to_shared(at);
}

// 16 bytes, from a multiple of that.
__device__ __forceinline__ uint4 load_shared(SharedAddress from) {
  uint4 found;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(found.x), "=r"(found.y), "=r"(found.z), "=r"(found.w)
               : "r"(from)
               : "memory");
  return found;
}

__device__ __forceinline__ void store_shared(SharedAddress to, unsigned value) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(value) : "memory");
}

// c += a b for a 16 x 16 (row), b 16 x 8 (column), c 16 x 8.
__device__ __forceinline__ void mma_bf16(
    float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices of bf16; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(unsigned (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

__device__ __forceinline__ void load_matrices(unsigned (&r)[4], const void* row) {
  load_matrices(r, shared_address(row));
}

__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

__device__ __forceinline__ void load_matrices_transposed(unsigned (&r)[4], const void* row) {
  load_matrices_transposed(r, shared_address(row));
}

// Writes four such matrices from registers; from sm_90 on.
__device__ __forceinline__ void store_matrices(
    SharedAddress row, unsigned a, unsigned b, unsigned c, unsigned d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(row), "r"(a), "r"(b),
               "r"(c), "r"(d)
               : "memory");
}

// 16 bytes from global to shared memory beside other work; zeros, and nothing read, if not `some`.
__device__ __forceinline__ void copy_async(SharedAddress to, const void* from, bool some) {
  int bytes = some ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void copy_async(void* to, const void* from, bool some) {
  copy_async(shared_address(to), from, some);
}

__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until all but the latest PENDING groups of copies have arrived.
template <int PENDING>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Waits until all that threads of the block have begun to copy has arrived. All of them must call it.
__device__ __forceinline__ void copies_arrive() {
  copies_commit();
  copies_wait<0>();
  __syncthreads();
}
