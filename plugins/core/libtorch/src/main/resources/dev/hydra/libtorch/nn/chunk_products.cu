// Products of groups of rows, each group by a matrix of its own, in bf16 with sums in float32 and in one order:
// forward, and the gradients of rows and of matrices. For Hopper (wgmma, TMA).
//
//   rows     bf16 [tokens, depth], boxes of 64 rows; read by chunks of 64 rows, see Source
//   weights  bf16 [groups, out, in], boxes of 128 rows (forward) or 64
//   ends     int32 [groups]: where each group's rows end, multiples of 64; what is behind the last end becomes
//            zeros
//   results  bf16, boxes of 64 rows
//
// All boxes have 64 columns. Sides of matrices are multiples of 8.
//
// Launch: grid as many as there are multiprocessors, THREADS threads, NAME_bytes of dynamic shared memory.
// A block makes tile after tile of 128 x 256. One thread brings slices of 64 steps of both operands, two teams of
// four warps multiply 64 rows each, and give their sums away by way of shared memory while slices of the next
// tile come.
constexpr int STAGES = 4;
constexpr int TEAM = 128, TEAMS = 2;
constexpr int THREADS = (TEAMS + 1) * TEAM;
constexpr int BOX = CHUNK * 128;  // bytes of 64 x 64 elements
constexpr int A_BYTES = TEAMS * BOX, STAGE_BYTES = A_BYTES + TILE_COLUMNS / 64 * BOX;
constexpr int STAGING = STAGES * STAGE_BYTES, STAGING_BYTES = TEAMS * 2 * BOX;
constexpr int BARRIERS = STAGING + STAGING_BYTES;
constexpr int BYTES = BARRIERS + 2 * STAGES * 8 + sizeof(Table);

extern "C" __device__ const int chunk_products_bytes = BYTES;
extern "C" __device__ const int chunk_products_rows_bytes = BYTES;
extern "C" __device__ const int chunk_products_weights_bytes = BYTES;
extern "C" __device__ const int chunk_products_waits = 1;
extern "C" __device__ const int chunk_products_rows_waits = 1;
extern "C" __device__ const int chunk_products_weights_waits = 1;

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// Slices in shared memory in turn. Of each, one barrier says that it is there, one that all warps have read it.
struct Ring : Turn<STAGES> {
  SharedAddress begin;

  __device__ __forceinline__ SharedAddress slice() const { return begin + stage * STAGE_BYTES; }
  __device__ __forceinline__ SharedAddress full() const { return begin + BARRIERS + stage * 16; }
  __device__ __forceinline__ SharedAddress empty(int of) const { return begin + BARRIERS + of * 16 + 8; }
};

// By one thread: brings the slices of all tiles of the block.
template <Kind KIND>
__device__ __forceinline__ void bring_tiles(
    Tiles<KIND> tiles, Ring ring, const TensorMap& a_map, const TensorMap& b_map, Source source) {
  for (int number = blockIdx.x; number < tiles.count(); number += gridDim.x) {
    Tile tile = tiles.tile(number);
    int boxes = KIND == WEIGHTS ? TEAMS : tile.chunks, rows[TEAMS];
#pragma unroll
    for (int i = 0; i < TEAMS; i++) rows[i] = KIND != WEIGHTS && i < boxes ? source.row(tile.chunk + i) : 0;
    for (int k = 0; k < tiles.steps(tile); k++, ring.next()) {
      int summed = KIND == WEIGHTS ? source.row(tile.chunk + k) : 0;
      barrier_wait(ring.empty(ring.stage), ring.phase ^ 1);
      SharedAddress a = ring.slice(), b = a + A_BYTES;
      barrier_expect(ring.full(), boxes * BOX + STAGE_BYTES - A_BYTES);
#pragma unroll
      for (int i = 0; i < TEAMS; i++) {
        if (KIND == WEIGHTS) {
          bring(a + i * BOX, a_map, ring.full(), tile.row + i * 64, (tile.chunk + k) * CHUNK, 0);
        } else if (i < boxes) {
          bring(a + i * BOX, a_map, ring.full(), k * STEP, rows[i], 0);
        }
      }
      if (KIND == FORWARD) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          bring(b + i * 2 * BOX, b_map, ring.full(), k * STEP, tile.column + i * 128, tile.group);
        }
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          int y = KIND == WEIGHTS ? summed : k * STEP, z = KIND == WEIGHTS ? 0 : tile.group;
          bring(b + i * BOX, b_map, ring.full(), tile.column + i * 64, y, z);
        }
      }
    }
  }
}

// d += a b for the 64 steps of a slice, 64 rows and 256 columns.
template <Kind KIND>
__device__ __forceinline__ void multiply_slice(float (&d)[128], SharedAddress a, SharedAddress b) {
#pragma unroll
  for (int i = 0; i < STEP; i += 16) {
    if (KIND == FORWARD) {
      multiply<false, false>(
          d, Panels<64, 64>{a}.along_rows(0, i), Panels<TILE_COLUMNS, 64>{b}.along_rows(0, i));
    } else if (KIND == ROWS) {
      multiply<false, true>(
          d, Panels<64, 64>{a}.along_rows(0, i), Panels<64, TILE_COLUMNS>{b}.across_rows(i));
    } else {
      multiply<true, true>(
          d, Panels<64, 64>{a}.across_rows(i), Panels<64, TILE_COLUMNS>{b}.across_rows(i));
    }
  }
}

// The sums of a team on their way out: one box is filled while hardware still reads the other.
struct Outlet {
  SharedAddress boxes;
  int team, turn;

  __device__ __forceinline__ void sync() const {
    team_meets<TEAM>(team + 1);
  }

  // Columns 64 j and on of the sums go to column x and on.
  __device__ __forceinline__ void give(const float (&d)[128], int j, const TensorMap& map, int x, int y, int z) {
    Panels<64, 64> box = {boxes + turn * BOX};
    turn ^= 1;
    bool leads = threadIdx.x % TEAM == 0;
    if (leads) put_wait<1>();
    sync();
    int row = threadIdx.x % TEAM / 32 * 16 + threadIdx.x % 16, right = threadIdx.x % 32 / 16;
    auto pair = [&](int i) { return pack_bf16(d[32 * j + 2 * i], d[32 * j + 2 * i + 1]); };
#pragma unroll
    for (int i = 0; i < 4; i++) {
      store_matrices(
          box.at(row, (2 * i + right) * 8), pair(4 * i), pair(4 * i + 1), pair(4 * i + 2), pair(4 * i + 3));
    }
    publish();
    sync();
    if (leads) put(map, box.data, x, y, z);
  }
};

// By a team: multiplies its 64 rows of all tiles of the block.
template <Kind KIND>
__device__ __forceinline__ void multiply_tiles(Tiles<KIND> tiles, Ring ring, const TensorMap& d_map, int team) {
  bool speaks = threadIdx.x % 32 == 0;
  Outlet outlet = {ring.begin + STAGING + team * 2 * BOX, team, 0};
  float d[128];
  for (int number = blockIdx.x; number < tiles.count(); number += gridDim.x) {
    Tile tile = tiles.tile(number);
    int steps = tiles.steps(tile);
    if (KIND != WEIGHTS && team >= tile.chunks) {  // the rest of a group is one chunk
      for (int k = 0; k < steps; k++, ring.next()) {
        barrier_wait(ring.full(), ring.phase);
        if (speaks) barrier_arrive(ring.empty(ring.stage));
      }
      continue;
    }
#pragma unroll
    for (int i = 0; i < 128; i++) d[i] = 0.f;
    settle(d);
    int before = 0;
    for (int k = 0; k < steps; k++, ring.next()) {
      barrier_wait(ring.full(), ring.phase);
      products_begin();
      multiply_slice<KIND>(d, ring.slice() + team * BOX, ring.slice() + A_BYTES);
      products_commit();
      products_wait<1>();
      if (k > 0 && speaks) barrier_arrive(ring.empty(before));
      before = ring.stage;
    }
    products_wait<0>();
    settle(d);
    if (steps > 0 && speaks) barrier_arrive(ring.empty(before));
    int y = KIND == WEIGHTS ? tile.row + team * 64 : (tile.chunk + team) * CHUNK;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      outlet.give(d, j, d_map, tile.column + j * 64, y, KIND == WEIGHTS ? tile.group : 0);
    }
  }
  if (threadIdx.x % TEAM == 0) put_wait<0>();
}

template <Kind KIND>
__device__ __forceinline__ void compute(
    const TensorMap& a_map, const TensorMap& b_map, const TensorMap& d_map, const int* ends, Source source,
    Sizes sizes) {
  wait_for_prerequisites();
  Ring ring = {{}, panels_begin()};
  Table* table = reinterpret_cast<Table*>(SHARED + BARRIERS + 2 * STAGES * 8);
  if (threadIdx.x < 32) {
    Tiles<KIND>::fill(table, ends, sizes, threadIdx.x);
  } else if (threadIdx.x == 32) {
    for (int i = 0; i < STAGES; i++) {
      barrier_init(ring.begin + BARRIERS + i * 16, 1);
      barrier_init(ring.empty(i), TEAMS * TEAM / 32);
    }
    barriers_publish();
  }
  __syncthreads();
  Tiles<KIND> tiles = {table, sizes, 0};
  int team = threadIdx.x / TEAM;
  if (team == TEAMS) {
    fewer_registers<40>();
    if (threadIdx.x == TEAMS * TEAM) bring_tiles(tiles, ring, a_map, b_map, source);
  } else {
    more_registers<232>();
    multiply_tiles(tiles, ring, d_map, team);
  }
}

// products [rows, out] = each row by its group's matrix.
extern "C" __global__ void __launch_bounds__(THREADS, 1) chunk_products(
    const __grid_constant__ TensorMap rows, const __grid_constant__ TensorMap weights,
    const __grid_constant__ TensorMap products, const int* ends, const Long* order, int choices, int span,
    int groups, int chunks, int in, int out) {
  compute<FORWARD>(rows, weights, products, ends, {order, choices, span}, {groups, chunks, 0, out, in});
}

// gradient [rows, in] of the rows, from that of the products [rows, out].
extern "C" __global__ void __launch_bounds__(THREADS, 1) chunk_products_rows(
    const __grid_constant__ TensorMap arrived, const __grid_constant__ TensorMap weights,
    const __grid_constant__ TensorMap gradient, const int* ends, int groups, int chunks, int in, int out) {
  compute<ROWS>(arrived, weights, gradient, ends, {nullptr, 1, 1}, {groups, chunks, 0, in, out});
}

// gradient [groups, out, in] of the matrices, from the rows and the gradient of the products.
extern "C" __global__ void __launch_bounds__(THREADS, 1) chunk_products_weights(
    const __grid_constant__ TensorMap arrived, const __grid_constant__ TensorMap rows,
    const __grid_constant__ TensorMap gradient, const int* ends, const Long* order, int choices, int span,
    int groups, int chunks, int in, int out) {
  compute<WEIGHTS>(arrived, rows, gradient, ends, {order, choices, span}, {groups, chunks, out, in, 0});
}
#endif
