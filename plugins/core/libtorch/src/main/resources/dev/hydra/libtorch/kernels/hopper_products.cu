// Products of bf16 with sums in float32 that the four warps of a group issue together (wgmma), and the
// matrices in shared memory that they read. After primitives.cu and tensor_cores.cu. Only compute capability
// 9.0 has them; for others nothing here may be called.
//
// Sums: 64 rows, 16 of them a warp. Element i of a thread is in row lane / 4 + i / 2 % 2 * 8 of its warp's
// rows, column i / 4 * 8 + lane % 4 * 2 + i % 2.
typedef long long Long;

constexpr int ALIGNMENT = 1024;  // of matrices, in bytes

// Where the first one is; shared memory that a kernel does not name begins so.
__device__ __forceinline__ SharedAddress panels_begin() {
  SharedAddress begin = shared_address(SHARED);
  if (begin % ALIGNMENT != 0) __trap();
  return begin;
}

// A matrix of HEIGHT rows of WIDTH bf16 in panels of 64 columns: 128 bytes a row, whose pieces of 16
// bytes are permuted by the row (the "128-byte swizzle"), so that neither rows nor columns meet in a
// bank. Begins at a multiple of ALIGNMENT.
template <int HEIGHT, int WIDTH>
struct Panels {
  static constexpr int PANEL = HEIGHT * 128;
  static constexpr int BYTES = PANEL * (WIDTH / 64);
  static_assert(HEIGHT % 8 == 0 && WIDTH % 64 == 0, "panels");
  SharedAddress data;

  __device__ __forceinline__ SharedAddress at(int row, int column) const {
    return data + column / 64 * PANEL + row * 128 + (((column >> 3 ^ row) & 7) << 4) + (column & 7) * 2;
  }

  // Begins to fill rows `worker / (WIDTH / 8)` and on with those of `from`; from `valid` on they are zeros.
  template <int WORKERS, class T>
  __device__ __forceinline__ void load(const T* from, Long stride, int valid, int worker) const {
    static_assert(sizeof(T) == 2, "bf16");
    constexpr int PIECES = WIDTH / 8;
    static_assert(WORKERS % (8 * PIECES) == 0, "rounds of whole permutations");
    int row = worker / PIECES, column = worker % PIECES * 8;
    SharedAddress to = at(row, column);
    from += row * stride + column;
    constexpr int STEP = WORKERS / PIECES;
#pragma unroll 4
    for (int k = 0; k * WORKERS < HEIGHT * PIECES; k++) {
      if (HEIGHT * PIECES % WORKERS != 0 && row + k * STEP >= HEIGHT) break;
      copy_async(to + k * STEP * 128, from, row + k * STEP < valid);
      from += STEP * stride;
    }
  }

  // Rows from `row` on, a multiple of 8; 16 columns from `column` on; depth along rows (K-major).
  __device__ __forceinline__ unsigned long long along_rows(int row, int column) const {
    return describe(column / 64 * PANEL + row * 128 + (column & 63) * 2);
  }

  // The 16 rows from `row` on, columns from `column`, a multiple of 64, on; depth across rows (MN-major).
  __device__ __forceinline__ unsigned long long across_rows(int row, int column = 0) const {
    return describe(column / 64 * PANEL + row * 128);
  }

  // So written, a step from one description to the next is one addition.
  __device__ __forceinline__ unsigned long long describe(unsigned offset) const {
    constexpr unsigned PERMUTED = 1u << 30, EIGHT_ROWS = 1024 >> 4;
    unsigned begin = (data >> 4) + ((PANEL >> 4) << 16) + (offset >> 4);
    return (unsigned long long)(PERMUTED | EIGHT_ROWS) << 32 | begin;
  }
};

// Sums as left operands: elements stay in their threads.
template <int STEPS>
__device__ __forceinline__ void to_operands(unsigned (&a)[STEPS][4], const float (&d)[STEPS * 8]) {
#pragma unroll
  for (int i = 0; i < STEPS * 4; i++) a[i / 4][i % 4] = pack_bf16(d[2 * i], d[2 * i + 1]);
}

// Before the first product, and after registers that products use were written.
__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void products_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until all but the latest PENDING groups of products are done.
template <int PENDING>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

__device__ __forceinline__ void products_end() {
  products_commit();
  products_wait<0>();
}

// Keeps the compiler from moving accesses of these registers to the other side of it.
template <int N>
__device__ __forceinline__ void settle(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}

// What this thread wrote to shared memory is there for products after the next barrier.
__device__ __forceinline__ void publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Gives registers of its threads away, or waits for more, until each has COUNT, a multiple of 8. All four warps of a
// group must call it.
template <int COUNT>
__device__ __forceinline__ void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
}

template <int COUNT>
__device__ __forceinline__ void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
}

// The registers of sums as operands of an instruction, which are numbered from 0, and their names in it.
#define SUMS_8(d, i)                                                                               \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
      "+f"(d[i + 6]), "+f"(d[i + 7])
#define SUMS_32(d, i) SUMS_8(d, i), SUMS_8(d, i + 8), SUMS_8(d, i + 16), SUMS_8(d, i + 24)
#define SUMS_64(d) SUMS_32(d, 0), SUMS_32(d, 32)
#define SUMS_128(d) SUMS_64(d), SUMS_32(d, 64), SUMS_32(d, 96)
#define NAMES_32                                                           \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_64                                                                              \
  NAMES_32                                                                                    \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define NAMES_128 \
  NAMES_64 \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79" \
  ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95" \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

// d (+)= a b for 64 columns, both in shared memory along their rows or ACROSS; begins with zeros if not `add`.
template <bool A_ACROSS = false, bool B_ACROSS = false>
__device__ __forceinline__ void multiply(float (&d)[32], unsigned long long a, unsigned long long b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES_32 "}, %32, %33, p, 1, 1, %35, %36;\n"
      "}"
      : SUMS_32(d, 0)
      : "l"(a), "l"(b), "r"(add), "n"(A_ACROSS ? 1 : 0), "n"(B_ACROSS ? 1 : 0));
}

// d (+)= a b for 64 columns, a in registers, b in shared memory, its depth across rows; begins with zeros if not
// `add`.
__device__ __forceinline__ void multiply(
    float (&d)[32], const unsigned (&a)[4], unsigned long long b, int add = 1) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES_32 "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1;\n"
      "}"
      : SUMS_32(d, 0)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
}

// d (+)= a b for 128 columns, both in shared memory along their rows; begins with zeros if not `add`.
__device__ __forceinline__ void multiply(float (&d)[64], unsigned long long a, unsigned long long b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NAMES_64 "}, %64, %65, p, 1, 1, 0, 0;\n"
      "}"
      : SUMS_64(d)
      : "l"(a), "l"(b), "r"(add));
}

// d += a b for 128 columns, a in registers, b in shared memory, its depth across rows.
__device__ __forceinline__ void multiply(float (&d)[64], const unsigned (&a)[4], unsigned long long b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NAMES_64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;\n"
      : SUMS_64(d)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// d += a b for 256 columns, both in shared memory along their rows or ACROSS.
template <bool A_ACROSS, bool B_ACROSS>
__device__ __forceinline__ void multiply(float (&d)[128], unsigned long long a, unsigned long long b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" NAMES_128 "}, %128, %129, 1, 1, 1, %130, %131;"
      : SUMS_128(d)
      : "l"(a), "l"(b), "n"(A_ACROSS ? 1 : 0), "n"(B_ACROSS ? 1 : 0));
}
