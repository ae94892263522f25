// What kernels of the gradients of windows are made of: see window_attention_backward.cu.
constexpr int PADDING = 128;
constexpr int TILE = 64;  // rows of a tile; a group of 4 warps has two of its own, while others pass by

// As many groups as their registers let be on a multiprocessor: while some wait for products, others
// reckon exponentials.
constexpr int KEY_GROUPS = HEAD_DIM == 64 ? 3 : 2;
constexpr int QUERY_GROUPS = HEAD_DIM == 64 ? 2 : 3;
constexpr int QUERY_BLOCKS = HEAD_DIM == 64 ? 2 : 1;

constexpr int AHEAD = 2;           // tiles are loaded so many ahead
constexpr int STAGES = AHEAD + 2;  // a group may be almost a tile behind another
constexpr int ROW_THREADS = 256;
static_assert(HEAD_DIM == 64 || HEAD_DIM == 128, "what groups and stages are reckoned for");
static_assert(AHEAD <= KEY_GROUPS, "tiles that are loaded before it is known which are seen");

typedef Panels<TILE, HEAD_DIM> Tile;
typedef float Scores[TILE / 2];          // 64 x 64 of a group
typedef float Sums[HEAD_DIM / 2];        // 64 x HEAD_DIM
typedef unsigned Weights[TILE / 16][4];  // scores as left operands

constexpr int STATISTICS = 3;  // of each query: level, offset, first
constexpr int NEVER = 0x7fffffff;

// Shared memory of a block: two tiles of each group, and in each stage two that pass by, and what is
// known of queries among them.
template <int GROUPS, bool OF_QUERIES>
struct Memory {
  static constexpr int TILES = 2 * GROUPS + 2 * STAGES;
  static constexpr int STATISTICS_BYTES = OF_QUERIES ? STATISTICS * TILE * 4 : 0;
  static constexpr int BYTES = ALIGNMENT + TILES * Tile::BYTES + STAGES * STATISTICS_BYTES + 2 * 8;
  SharedAddress base;

  __device__ __forceinline__ Memory() {
    base = uniform((shared_address(SHARED) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
  }

  __device__ __forceinline__ Tile own(int group, int which) const {
    return Tile{base + (group * 2 + which) * Tile::BYTES};
  }

  __device__ __forceinline__ Tile passing(int stage, int which) const {
    return Tile{base + (2 * GROUPS + stage * 2 + which) * Tile::BYTES};
  }

  __device__ __forceinline__ SharedAddress statistics(int stage, int which) const {
    return base + TILES * Tile::BYTES + stage * STATISTICS_BYTES + which * TILE * 4;
  }

  // Where the warps of a block wait until all of them have come: when one has, it goes on, but does not come again
  // before it has waited.
  __device__ __forceinline__ SharedAddress barrier(int which) const { return statistics(STAGES, 0) + which * 8; }
};

__device__ __forceinline__ int following(int stage) { return stage + 1 == STAGES ? 0 : stage + 1; }

// A group's part in loading the tiles that pass by: the first two groups load one of two matrices each.
struct Loader {
  const bf16* next;
  Long stride;
  int row;
  SharedAddress to;

  static constexpr int PIECES = HEAD_DIM / 8, ROWS = 128 / PIECES;

  __device__ __forceinline__ Loader(const bf16* from, Long stride, Tile first, int worker)
      : stride(stride), row(worker / PIECES) {
    int column = worker % PIECES * 8;
    next = from + row * stride + column;
    to = first.at(row, column);
  }

  // Begins to fill the tile of a stage with the next rows; those from `valid` on become zeros.
  __device__ __forceinline__ void load(int stage, int valid) {
#pragma unroll
    for (int k = 0; k < TILE / ROWS; k++)
      copy_async(
          to + stage * 2 * Tile::BYTES + k * ROWS * 128, next + k * ROWS * stride, row + k * ROWS < valid);
    next += TILE * stride;
  }
};

__device__ __forceinline__ void load_own(Tile tile, const bf16* from, Long stride, int valid, int worker) {
  if (valid > 0) tile.load<128>(from, stride, valid, worker);
}

// d (+)= own passing^T. A group's own rows come from shared memory each time: ptxas (13.0) gives registers of
// left operands away after the first round of a loop that keeps them.
__device__ __forceinline__ void begin_scores(Scores& d, Tile own, Tile passing, int add) {
#pragma unroll
  for (int i = 0; i < HEAD_DIM; i += 16) multiply(d, own.along_rows(0, i), passing.along_rows(0, i), i + add);
  products_commit();
}

__device__ __forceinline__ void begin_sums(Sums& d, const Weights& a, Tile passing) {
#pragma unroll
  for (int i = 0; i < TILE / 16; i++) multiply(d, a[i], passing.across_rows(i * 16));
}

__device__ __forceinline__ void floats_at(SharedAddress from, float& first, float& second) {
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(first), "=f"(second) : "r"(from) : "memory");
}

__device__ __forceinline__ void integers_at(SharedAddress from, int& first, int& second) {
  asm volatile("ld.shared.v2.s32 {%0, %1}, [%2];" : "=r"(first), "=r"(second) : "r"(from) : "memory");
}

// Writes a group's rows, times a factor.
__device__ __forceinline__ void store_rows(
    bf16* to, Long stride, int valid, const Sums& d, float factor, int warp, int lane) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = warp * 16 + lane / 4 + 8 * r;
    if (row < valid) {
      bf16* at = to + row * stride + lane % 4 * 2;
#pragma unroll
      for (int i = 0; i < HEAD_DIM / 8; i++)
        *reinterpret_cast<unsigned*>(at + i * 8) =
            pack_bf16(d[i * 4 + r * 2] * factor, d[i * 4 + r * 2 + 1] * factor);
    }
  }
}
