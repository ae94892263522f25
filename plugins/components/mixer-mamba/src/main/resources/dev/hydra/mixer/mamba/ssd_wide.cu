// Products that four warps issue together (wgmma), where the device has them and shapes are whole in
// them: 64 rows, 16 of them a warp, 64 columns, 16 deep. Sums and operands in registers are in the fragments
// of mma; the right operand comes from shared memory, without each warp loading it.
//
// Elsewhere WIDE is 0 and kernels take tiles.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) && ALIGNED && !IN_FP32 && HEAD_DIM % 64 == 0 && STATE % 64 == 0
#define WIDE 1
#else
#define WIDE 0
#endif

#if WIDE
constexpr int SLACK = 1024;  // what it may take to begin at a multiple of that

__device__ __forceinline__ char* begin_panels(char* at) {
  return at + (SLACK - shared_address(at) % SLACK) % SLACK;
}

// The row of 16 tokens by 16 that lies at `row` of panels in the order in which warps take strips (strip_of).
__device__ __forceinline__ int place(int row) {
  return row < Q / 2 ? row : (ROWS + ROWS / 2 - 1 - row / 16) * 16 + row % 16;
}

// A matrix in shared memory, HEIGHT x WIDTH bf16, in panels of 64 columns: 128 bytes a row, whose pieces of 16
// bytes are permuted by the row (the "128-byte swizzle"), so that neither rows nor columns meet in a
// bank. Begins at a multiple of 1024 bytes.
template <int HEIGHT, int WIDTH>
struct Panels {
  static constexpr int PANEL = HEIGHT * 128;
  static constexpr int BYTES = PANEL * (WIDTH / 64);
  static_assert(HEIGHT % 8 == 0 && WIDTH % 64 == 0, "panels");
  SharedAddress data;

  __device__ __forceinline__ explicit Panels(char* at) : data(shared_address(at)) {}

  __device__ __forceinline__ SharedAddress at(int row, int column) const {
    return data + column / 64 * PANEL + row * 128 + (((column >> 3 ^ row) & 7) << 4) + (column & 7) * 2;
  }

  __device__ __forceinline__ void pair(int row, int column, float& first, float& second) const {
    unsigned both;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(both) : "r"(at(row, column)) : "memory");
    first = low_bf16(both);
    second = high_bf16(both);
  }

  __device__ __forceinline__ void a(Operand& o, int row, int column, int lane) const {
    matrices(o.r[0], at(row + (lane & 15), column + (lane >> 4) * 8));
  }

  __device__ __forceinline__ void b(Operand& o, int row, int column, int lane) const {
    matrices(o.r[0], at(row + (lane & 7) + (lane >> 4) * 8, column + (lane & 8)));
  }

  __device__ __forceinline__ void a_transposed(Operand& o, int row, int column, int lane) const {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(o.r[0][0]), "=r"(o.r[0][1]), "=r"(o.r[0][2]), "=r"(o.r[0][3])
                 : "r"(at(row + (lane & 7) + (lane >> 4) * 8, column + (lane & 8)))
                 : "memory");
  }

  static __device__ __forceinline__ void matrices(unsigned (&r)[4], SharedAddress from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  }

  // Begins to fill it with rows of `from`, row i with that of place(i); those from `valid` on become zeros.
  template <int WORKERS, class Place>
  __device__ __forceinline__ void load(
      const Element* from, Long stride, int valid, int worker, const Place& place) const {
    constexpr int PIECES = 8;  // of a row of a panel
    static_assert(HEIGHT * PIECES % WORKERS == 0 && WORKERS % (8 * PIECES) == 0, "whole rounds of whole permutations");
    constexpr int STEP = WORKERS / PIECES;  // rows
    int first = worker / PIECES;
    int column = worker % PIECES * 8;
    SharedAddress to = at(first, column);
    const char* begin = (const char*)(from + column);
    int pitch = (int)stride * 2;  // rows are less than 2 GiB apart
#pragma unroll
    for (int k = 0; k < HEIGHT / STEP; k++) {
      int row = place(first + k * STEP);
#pragma unroll
      for (int panel = 0; panel < WIDTH / 64; panel++) {
        copy_async(to + k * STEP * 128 + panel * PANEL, begin + (Long)row * pitch + panel * 128, row < valid);
      }
    }
  }

  template <int WORKERS>
  __device__ __forceinline__ void load(const Element* from, Long stride, int valid, int worker) const {
    load<WORKERS>(from, stride, valid, worker, [](int row) { return row; });
  }

  // The 64 or more rows from `row` on, 16 columns from `column` on, depth along rows (K-major).
  __device__ __forceinline__ unsigned long long along_rows(int row, int column) const {
    return describe(column / 64 * PANEL + row * 128 + (column & 63) * 2);
  }

  // The 16 rows from `row` on, 64 columns from `column` on, depth across rows (MN-major).
  __device__ __forceinline__ unsigned long long across_rows(int row, int column) const {
    return describe(column / 64 * PANEL + row * 128);
  }

  // So written, a step from one description to the next is one addition.
  __device__ __forceinline__ unsigned long long describe(unsigned offset) const {
    constexpr unsigned PERMUTED = 1u << 30, EIGHT_ROWS = 1024 >> 4;
    return (unsigned long long)(PERMUTED | EIGHT_ROWS) << 32 | ((data >> 4) + (1u << 16) + (offset >> 4));
  }
};


__device__ __forceinline__ void wide_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void wide_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void wide_wait() { asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); }

__device__ __forceinline__ void wide_end() {
  wide_commit();
  wide_wait();
}

// Keeps the compiler from moving accesses of these sums to the other side of it.
template <int COUNT>
__device__ __forceinline__ void wide_settle(Sums (&d)[COUNT]) {
#pragma unroll
  for (int i = 0; i < 8 * COUNT; i++) asm volatile("" : "+f"(d[i / 8][i / 4 % 2][i % 4])::"memory");
}

// What this thread wrote to shared memory is there for these products after the next barrier.
__device__ __forceinline__ void wide_publish() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// d (+)= a b, both in shared memory, a along its rows, b along its rows or ACROSS; `add` 0 to begin with zeros.
template <bool ACROSS = false>
__device__ __forceinline__ void wide_multiply(Sums (&d)[4], unsigned long long a, unsigned long long b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
      "}, %32, %33, p, 1, 1, 0, %35;\n"
      "}"
      : "+f"(d[0][0][0]), "+f"(d[0][0][1]), "+f"(d[0][0][2]), "+f"(d[0][0][3]),
        "+f"(d[0][1][0]), "+f"(d[0][1][1]), "+f"(d[0][1][2]), "+f"(d[0][1][3]),
        "+f"(d[1][0][0]), "+f"(d[1][0][1]), "+f"(d[1][0][2]), "+f"(d[1][0][3]),
        "+f"(d[1][1][0]), "+f"(d[1][1][1]), "+f"(d[1][1][2]), "+f"(d[1][1][3]),
        "+f"(d[2][0][0]), "+f"(d[2][0][1]), "+f"(d[2][0][2]), "+f"(d[2][0][3]),
        "+f"(d[2][1][0]), "+f"(d[2][1][1]), "+f"(d[2][1][2]), "+f"(d[2][1][3]),
        "+f"(d[3][0][0]), "+f"(d[3][0][1]), "+f"(d[3][0][2]), "+f"(d[3][0][3]),
        "+f"(d[3][1][0]), "+f"(d[3][1][1]), "+f"(d[3][1][2]), "+f"(d[3][1][3])
      : "l"(a), "l"(b), "r"(add), "n"(ACROSS ? 1 : 0));
}

// d (+)= a b, a in registers, b in shared memory, its depth across rows.
__device__ __forceinline__ void wide_multiply(Sums (&d)[4], const Operand& a, unsigned long long b, int add) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
      "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1;\n"
      "}"
      : "+f"(d[0][0][0]), "+f"(d[0][0][1]), "+f"(d[0][0][2]), "+f"(d[0][0][3]),
        "+f"(d[0][1][0]), "+f"(d[0][1][1]), "+f"(d[0][1][2]), "+f"(d[0][1][3]),
        "+f"(d[1][0][0]), "+f"(d[1][0][1]), "+f"(d[1][0][2]), "+f"(d[1][0][3]),
        "+f"(d[1][1][0]), "+f"(d[1][1][1]), "+f"(d[1][1][2]), "+f"(d[1][1][3]),
        "+f"(d[2][0][0]), "+f"(d[2][0][1]), "+f"(d[2][0][2]), "+f"(d[2][0][3]),
        "+f"(d[2][1][0]), "+f"(d[2][1][1]), "+f"(d[2][1][2]), "+f"(d[2][1][3]),
        "+f"(d[3][0][0]), "+f"(d[3][0][1]), "+f"(d[3][0][2]), "+f"(d[3][0][3]),
        "+f"(d[3][1][0]), "+f"(d[3][1][1]), "+f"(d[3][1][2]), "+f"(d[3][1][3])
      : "r"(a.r[0][0]), "r"(a.r[0][1]), "r"(a.r[0][2]), "r"(a.r[0][3]), "l"(b), "r"(add));
}
#else
constexpr int SLACK = 0;
__device__ __forceinline__ char* begin_panels(char* at) { return at; }
__device__ __forceinline__ void wide_publish() {}
#endif
