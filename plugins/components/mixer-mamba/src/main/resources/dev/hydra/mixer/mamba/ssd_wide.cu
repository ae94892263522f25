// What SSD kernels do by products that four warps issue together (hopper_products.cu), where the device has them and
// shapes are whole in them: 64 rows, 16 of them a warp, 64 columns, 16 deep. Sums and operands in registers are in the
// fragments of mma; the right operand comes from shared memory, without each warp loading it.
//
// Elsewhere WIDE is 0 and kernels take tiles.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) && ALIGNED && !IN_FP32 && HEAD_DIM % 64 == 0 && STATE % 64 == 0
#define WIDE 1
#else
#define WIDE 0
#endif

#if WIDE
constexpr int SLACK = ALIGNMENT;  // what it may take to begin at a multiple of that

__device__ __forceinline__ char* begin_panels(char* at) {
  return at + (SLACK - shared_address(at) % SLACK) % SLACK;
}

// Panels of bf16 that can do what a Tile can. Begin at a multiple of 1024 bytes.
template <int HEIGHT, int WIDTH>
struct WideTile : Panels<HEIGHT, WIDTH> {
  using Panels<HEIGHT, WIDTH>::PANEL;
  using Panels<HEIGHT, WIDTH>::at;

  __device__ __forceinline__ explicit WideTile(char* begin) : Panels<HEIGHT, WIDTH>{shared_address(begin)} {}

  __device__ __forceinline__ void pair(int row, int column, float& first, float& second) const {
    unsigned both;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(both) : "r"(at(row, column)) : "memory");
    first = low_bf16(both);
    second = high_bf16(both);
  }

  __device__ __forceinline__ void a_transposed(Operand& o, int row, int column, int lane) const {
    load_matrices_transposed(o.r[0], at(row + (lane & 7) + (lane >> 4) * 8, column + (lane & 8)));
  }

  // Begins to fill it with rows of `from`; those from `valid` on become zeros.
  template <int WORKERS>
  __device__ __forceinline__ void load(const Element* from, Long stride, int valid, int worker) const {
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
      int row = first + k * STEP;
#pragma unroll
      for (int panel = 0; panel < WIDTH / 64; panel++) {
        copy_async(to + k * STEP * 128 + panel * PANEL, begin + (Long)row * pitch + panel * 128, row < valid);
      }
    }
  }
};

// Sums of 64 columns as those products have them.
__device__ __forceinline__ float (&flat(Sums (&d)[4]))[32] { return reinterpret_cast<float(&)[32]>(d); }

__device__ __forceinline__ void wide_publish() { publish(); }
#else
constexpr int SLACK = 0;
__device__ __forceinline__ char* begin_panels(char* at) { return at; }
__device__ __forceinline__ void wide_publish() {}
#endif
