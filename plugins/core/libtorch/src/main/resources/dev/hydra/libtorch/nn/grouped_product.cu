// Products of groups of rows, each group by a matrix of its own, with sums in float32: forward, and
// the gradients of rows and of matrices. A block makes a tile of 64 x 64 elements, 16 steps of their
// sums at a time, one after the other: the order is fixed.
//
//   x    Element [rows, in], group after group; dx alike
//   w    Element [groups, out, in]; dw alike
//   y    Element [rows, out]; dy alike
//   ends int32 [groups]: where each group's rows end; what is behind the last end becomes zeros
//
// Block: 128 threads. Grids:
//   grouped_linear       (rows / 64 + groups + 1, ceil(out / 64))
//   grouped_linear_rows  (rows / 64 + groups + 1, ceil(in / 64))
//   grouped_linear_weights  groups * ceil(out / 64) * ceil(in / 64)

constexpr int GROUP_THREADS = 128;
constexpr int TILE = 64;                             // rows and columns of a block
constexpr int STEPS = 16;                            // of the sums, in shared memory at a time
constexpr int BROUGHT = TILE * STEPS / GROUP_THREADS;  // elements that a thread brings of them
constexpr int DOWN = 8, ACROSS = 4;                  // rows and columns of a thread

// What a tile needs of an operand. A line of its memory is of one row or column of the product
// (ALONG: neighbours are steps of the sum), or of one step (neighbours are rows or columns).
typedef float Slice[STEPS][TILE + 4];

// An operand from where a tile begins: `line` elements from line to line, of which so many rows or
// columns, and steps, are there; the others are zeros.
template <bool ALONG>
struct Operand {
  static constexpr int NEIGHBOURS = ALONG ? STEPS : TILE;
  static constexpr int LINES = GROUP_THREADS / NEIGHBOURS;  // that all threads bring at a time

  const Element* from;
  long long line;
  int sides, steps;

  __device__ __forceinline__ void bring(int begin, float (&to)[BROUGHT]) const {
    int neighbour = threadIdx.x % NEIGHBOURS + (ALONG ? begin : 0);
    int first = threadIdx.x / NEIGHBOURS + (ALONG ? 0 : begin);
    int neighbours = ALONG ? steps : sides, lines = ALONG ? sides : steps;
    const Element* at = from + first * line + neighbour;
#pragma unroll
    for (int i = 0; i < BROUGHT; i++, at += LINES * line) {
      to[i] = neighbour < neighbours && first + i * LINES < lines ? to_float(*at) : 0.f;
    }
  }

  __device__ __forceinline__ static void put(const float (&brought)[BROUGHT], Slice& slice) {
    int neighbour = threadIdx.x % NEIGHBOURS, first = threadIdx.x / NEIGHBOURS;
#pragma unroll
    for (int i = 0; i < BROUGHT; i++) {
      int number = first + i * LINES;
      slice[ALONG ? neighbour : number][ALONG ? number : neighbour] = brought[i];
    }
  }
};

// out[i][j] = sum over steps of a[i] b[j]; out has so many elements from row to row.
template <bool A_ALONG, bool B_ALONG>
__device__ __forceinline__ void multiply(
    const Operand<A_ALONG>& a, const Operand<B_ALONG>& b, Element* out, long long line) {
  __shared__ __align__(16) Slice as[2], bs[2];
  float sums[DOWN][ACROSS] = {};
  float from_a[BROUGHT], from_b[BROUGHT];
  int row = threadIdx.x / (TILE / ACROSS) * DOWN, column = threadIdx.x % (TILE / ACROSS) * ACROSS;
  a.bring(0, from_a);
  b.bring(0, from_b);
  for (int begin = 0, turn = 0; begin < a.steps; begin += STEPS, turn ^= 1) {
    a.put(from_a, as[turn]);
    b.put(from_b, bs[turn]);
    __syncthreads();  // and everybody is done with the slices before, which are written next
    a.bring(begin + STEPS, from_a);
    b.bring(begin + STEPS, from_b);
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      float down[DOWN], across[ACROSS];
#pragma unroll
      for (int i = 0; i < DOWN; i += 4) {
        *reinterpret_cast<float4*>(down + i) =
            *reinterpret_cast<const float4*>(&as[turn][step][row + i]);
      }
      *reinterpret_cast<float4*>(across) =
          *reinterpret_cast<const float4*>(&bs[turn][step][column]);
#pragma unroll
      for (int i = 0; i < DOWN; i++) {
#pragma unroll
        for (int j = 0; j < ACROSS; j++) sums[i][j] = fmaf(down[i], across[j], sums[i][j]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < DOWN; i++) {
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
      if (row + i < a.sides && column + j < b.sides) {
        from_float(sums[i][j], out[(row + i) * line + column + j]);
      }
    }
  }
}

// The rows of a tile, all of one group. A group's first tile has the number (where it begins) / 64 +
// the number of the group, which leaves enough for every group before; what is left over is empty.
struct Rows {
  int group, begin, count;
};

__device__ __forceinline__ Rows rows_of_tile(int tile, const int* ends, int groups, int rows) {
  __shared__ Rows found;
  if (threadIdx.x == 0) found.count = 0;
  __syncthreads();
  for (int group = threadIdx.x; group <= groups; group += GROUP_THREADS) {
    int first = group ? ends[group - 1] : 0, end = group < groups ? ends[group] : rows;
    int tiles = (end - first + TILE - 1) / TILE, number = tile - (first / TILE + group);
    if (number >= 0 && number < tiles) {
      int begin = first + number * TILE;
      found = Rows{group, begin, min(end - begin, TILE)};
    }
  }
  __syncthreads();
  return found;
}

// What the matrices [groups, ...] make of rows [rows, depth]: [rows, width].
template <bool B_ALONG>
__device__ __forceinline__ void map_rows(
    const Element* in, const Element* matrices, const int* ends, Element* out, int groups,
    int rows, int depth, int width) {
  Rows of = rows_of_tile(blockIdx.x, ends, groups, rows);
  if (of.count == 0) return;
  int first = blockIdx.y * TILE, columns = min(width - first, TILE);
  int steps = of.group < groups ? depth : 0;  // behind the last group
  const Element* matrix = matrices + (long long)of.group * depth * width;
  Operand<true> a{in + (long long)of.begin * depth, depth, of.count, steps};
  Operand<B_ALONG> b{matrix + (B_ALONG ? (long long)first * depth : first),
                     B_ALONG ? depth : width, columns, steps};
  multiply(a, b, out + (long long)of.begin * width + first, width);
}

extern "C" __global__ void __launch_bounds__(GROUP_THREADS, 5) grouped_linear(
    const Element* __restrict__ x, const Element* __restrict__ w, const int* __restrict__ ends,
    Element* __restrict__ y, int groups, int rows, int in, int out) {
  map_rows<true>(x, w, ends, y, groups, rows, in, out);
}

extern "C" __global__ void __launch_bounds__(GROUP_THREADS, 5) grouped_linear_rows(
    const Element* __restrict__ dy, const Element* __restrict__ w, const int* __restrict__ ends,
    Element* __restrict__ dx, int groups, int rows, int in, int out) {
  map_rows<false>(dy, w, ends, dx, groups, rows, out, in);
}

extern "C" __global__ void __launch_bounds__(GROUP_THREADS, 5) grouped_linear_weights(
    const Element* __restrict__ dy, const Element* __restrict__ x, const int* __restrict__ ends,
    Element* __restrict__ dw, int in, int out) {
  int across = (in + TILE - 1) / TILE, down = (out + TILE - 1) / TILE;
  int group = blockIdx.x / (across * down), tile = blockIdx.x % (across * down);
  int row = tile / across * TILE, column = tile % across * TILE;
  int begin = group ? ends[group - 1] : 0, count = ends[group] - begin;
  Operand<false> a{dy + (long long)begin * out + row, out, min(out - row, TILE), count};
  Operand<false> b{x + (long long)begin * in + column, in, min(in - column, TILE), count};
  multiply(a, b, dw + ((long long)group * out + row) * in + column, in);
}
