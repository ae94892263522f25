// Adds rows to those of a table, in place: several to one in their order, in float32, rounded once.
//
// The host gives the numbers of the rows that they go to sorted and, for each, its place (a stable
// sort). Which and how many those are it need not know. Where a whole piece of the sorted list goes to
// one row, row_pieces has added it up before, so that no warp has a long way to go.
//
// Grids: x: pieces, or entries of the list, / 8; y: columns / (32 * VECTOR); both rounded up, 256
// threads: a warp has so many columns. Width is a multiple of VECTOR, and every row begins where whole
// vectors do.
//
//   sorted  int32 [count], ascending
//   order   int64 [count]
//   values  Input [count, width]
//   pieces  float32 [count / PIECE, width]
//   table   Element [rows, width]
typedef long long Long;

constexpr int PIECE = 64;
constexpr int FLIGHT = 4;
constexpr unsigned ALL = 0xffffffffu;

// Adds rows in the order of their places, of which each lane has one.
__device__ __forceinline__ void add_rows(
    const Input* values, Long place, int entries, int width, int column, float (&sum)[VECTOR]) {
#pragma unroll 1
  for (int first = 0; first < entries; first += FLIGHT) {
    Vector<Input, VECTOR> flight[FLIGHT];
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      Long from = from_lane(place, first + f);
      if (first + f < entries) flight[f] = load<VECTOR>(values + from * width + column);
    }
#pragma unroll
    for (int f = 0; f < FLIGHT; f++) {
      if (first + f < entries) {
        float found[VECTOR];
        flight[f].unpack(found);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) sum[v] += found[v];
      }
    }
  }
}

// The first column of a lane. One behind the last has the first, and writes nothing.
__device__ __forceinline__ int own_column(int width, bool& inside) {
  int column = (blockIdx.y * 32 + threadIdx.x % 32) * VECTOR;
  inside = column < width;
  return inside ? column : 0;
}

extern "C" __device__ const int row_pieces_waits = 1;

extern "C" __global__ void __launch_bounds__(256) row_pieces(
    const int* sorted, const Long* order, const Input* values, float* pieces, int count, int width) {
  wait_for_prerequisites();
  int piece = blockIdx.x * 8 + threadIdx.x / 32;
  int begin = piece * PIECE;
  if (begin + PIECE > count || sorted[begin] != sorted[begin + PIECE - 1]) return;
  bool inside;
  int column = own_column(width, inside);
  float sum[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) sum[v] = 0.f;
#pragma unroll
  for (int from = 0; from < PIECE; from += 32) {
    add_rows(values, order[begin + from + threadIdx.x % 32], 32, width, column, sum);
  }
  if (inside) store<float, VECTOR>(pieces + (Long)piece * width + column, sum);
}

extern "C" __device__ const int row_sums_waits = 1;

// table[row] += factor * the sum of all that goes to the row, but for the row `untouched`.
extern "C" __global__ void __launch_bounds__(256) row_sums(
    const int* sorted, const Long* order, const Input* values, const float* pieces, Element* table,
    int count, Long rows, int width, float factor, int untouched) {
  wait_for_prerequisites();
  int at = blockIdx.x * 8 + threadIdx.x / 32;
  if (at >= count) return;
  int row = sorted[at];
  bool begins = at == 0 || sorted[at - 1] != row;
  if (!begins || row < 0 || row >= rows || row == untouched) return;
  bool inside;
  int column = own_column(width, inside);
  int lane = threadIdx.x % 32;
  table += row * (Long)width + column;
  Vector<Element, VECTOR> before = load<VECTOR>(table);
  float sum[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) sum[v] = 0.f;
  bool more = true;
  while (more) {
    if (at % PIECE == 0 && at + PIECE <= count && sorted[at + PIECE - 1] == row) {
      float piece[VECTOR];
      load_floats<VECTOR>(pieces + (Long)(at / PIECE) * width + column, piece);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) sum[v] += piece[v];
      at += PIECE;
    } else {
      int looked = min(32, PIECE - at % PIECE);
      bool own = lane < looked && at + lane < count && sorted[at + lane] == row;
      int entries = __popc(__ballot_sync(ALL, own));
      add_rows(values, own ? order[at + lane] : 0, entries, width, column, sum);
      at += entries;
      more = entries == looked;
    }
  }
  float all[VECTOR];
  before.unpack(all);
#pragma unroll
  for (int v = 0; v < VECTOR; v++) all[v] += factor * sum[v];
  if (inside) store<Element, VECTOR>(table, all);
}
