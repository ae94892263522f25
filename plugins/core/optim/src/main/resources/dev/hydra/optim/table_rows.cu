// The rows of a table that a sparse gradient holds. The gradient is a list of rows, in any order and
// with repetitions; the host gives their numbers sorted and, for each, its place in the list (a
// stable sort), so that rows are added up in the order of the list and neither their number nor
// which ones they are need be known to the host.
//
// A warp has a row; a lane has PIECES pieces of it at once, of four columns where all begin at
// multiples of 16 bytes.

constexpr int PIECES = 4;
constexpr unsigned ALL = 0xffffffffu;
typedef long long Long;

template <int WIDE>
struct Piece {
  float at[WIDE];
};

// Whether rows can be read four columns at once.
__device__ __forceinline__ bool aligned(const float* values, Long width) {
  return width % 4 == 0 && (unsigned long long)values % 16 == 0;
}

// Reads what a lane has at once, from `column` on; zeros behind the last one.
template <int WIDE>
__device__ __forceinline__ void read(const float* row, Long column, Long width, Piece<WIDE> (&to)[PIECES]) {
#pragma unroll
  for (int k = 0; k < PIECES; k++) {
    Long at = column + k * 32 * WIDE;
#pragma unroll
    for (int v = 0; v < WIDE; v++) to[k].at[v] = 0.f;
    if (at < width) load_floats<WIDE>(row + at, to[k].at);
  }
}

// The sum of the entries of the row that begins at place i of the sorted list.
template <int WIDE>
__device__ __forceinline__ void row_sum(
    const int* rows, const Long* order, const float* values, int count, int i, Long width,
    Long column, Piece<WIDE> (&sum)[PIECES]) {
  int lane = threadIdx.x % 32;
  int row = rows[i];
#pragma unroll
  for (int k = 0; k < PIECES; k++) {
#pragma unroll
    for (int v = 0; v < WIDE; v++) sum[k].at[v] = 0.f;
  }
  int entries = 32;
  for (; entries == 32; i += 32) {
    bool some = i + lane < count;
    Long entry = some ? order[i + lane] : 0;
    entries = __popc(__ballot_sync(ALL, some && rows[i + lane] == row));
    for (int e = 0; e < entries; e++) {
      Piece<WIDE> found[PIECES];
      read(values + from_lane(entry, e) * width, column, width, found);
#pragma unroll
      for (int k = 0; k < PIECES; k++) {
#pragma unroll
        for (int v = 0; v < WIDE; v++) sum[k].at[v] += found[k].at[v];
      }
    }
  }
}

__device__ __forceinline__ bool begins(const int* rows, int i) { return i == 0 || rows[i - 1] != rows[i]; }
