// AdamW on the rows of a table that a sparse gradient holds ("lazy" Adam): a row that it does not
// hold stays as it is, its moments too. The gradient is a list of rows, in any order and with
// repetitions; the host gives their numbers sorted and, for each, its place in the list (a stable
// sort), so that rows are added up in the order of the list and neither their number nor which
// ones they are need be known to the host.
//
// Grid of both: (count / 8, rounded up), 256 threads; count is the length of the list. A warp has a
// row; a lane has PIECES pieces of it at once, of four columns where all begin at multiples of 16 bytes.
// table_squares: partials: one double an entry of the list, 0 for all but the first of a row.
// table_update: the parameter's record is that of the whole table; its gradient is not used.

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
    const Long* rows, const Long* order, const float* values, int count, int i, Long width,
    Long column, Piece<WIDE> (&sum)[PIECES]) {
  int lane = threadIdx.x % 32;
  Long row = rows[i];
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
      read(values + __shfl_sync(ALL, entry, e) * width, column, width, found);
#pragma unroll
      for (int k = 0; k < PIECES; k++) {
#pragma unroll
        for (int v = 0; v < WIDE; v++) sum[k].at[v] += found[k].at[v];
      }
    }
  }
}

__device__ __forceinline__ bool begins(const Long* rows, int i) { return i == 0 || rows[i - 1] != rows[i]; }

template <int WIDE>
__device__ __forceinline__ double squares_of(
    const Long* rows, const Long* order, const float* values, int count, int i, Long width) {
  double total = 0.0;
  for (Long from = 0; from < width; from += 32 * WIDE * PIECES) {
    Piece<WIDE> sum[PIECES];
    row_sum(rows, order, values, count, i, width, from + threadIdx.x % 32 * WIDE, sum);
    float squares = 0.f;
#pragma unroll
    for (int k = 0; k < PIECES; k++) {
#pragma unroll
      for (int v = 0; v < WIDE; v++) squares += sum[k].at[v] * sum[k].at[v];
    }
    total += squares;
  }
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) total += __shfl_xor_sync(ALL, total, mask);
  return total;
}

extern "C" __global__ void __launch_bounds__(256) table_squares(
    const Long* __restrict__ rows, const Long* __restrict__ order, const float* __restrict__ values,
    int count, Long width, double* __restrict__ partials) {
  int i = blockIdx.x * 8 + threadIdx.x / 32;
  if (i >= count) return;
  double total = 0.0;
  if (begins(rows, i)) {
    total = aligned(values, width) ? squares_of<4>(rows, order, values, count, i, width)
                                   : squares_of<1>(rows, order, values, count, i, width);
  }
  if (threadIdx.x % 32 == 0) partials[i] = total;
}

template <int WIDE>
__device__ __forceinline__ void update_row(
    const Parameter& p, const Constants& c, const Long* rows, const Long* order, const float* values,
    int count, int i, Long width) {
  Long first = rows[i] * width;
  for (Long from = 0; from < width; from += 32 * WIDE * PIECES) {
    Long column = from + threadIdx.x % 32 * WIDE;
    Piece<WIDE> sum[PIECES], m[PIECES], a[PIECES], s[PIECES];
    read(p.master + first, column, width, m);
    read(p.average + first, column, width, a);
    read(p.square + first, column, width, s);
    row_sum(rows, order, values, count, i, width, column, sum);
#pragma unroll
    for (int k = 0; k < PIECES; k++) {
      Long at = column + k * 32 * WIDE;
      if (at >= width) break;
#pragma unroll
      for (int v = 0; v < WIDE; v++)
        update(m[k].at[v], sum[k].at[v], a[k].at[v], s[k].at[v], c);
      store(p.master + first + at, m[k].at);
      store(p.average + first + at, a[k].at);
      store(p.square + first + at, s[k].at);
      if (p.copy) store(p.copy + first + at, m[k].at);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) table_update(
    const Parameter* __restrict__ parameters, int which, const Long* __restrict__ rows,
    const Long* __restrict__ order, const float* __restrict__ values, int count, Long width,
    const Verdict* __restrict__ verdict, const float* __restrict__ learning_rate,
    const float2* __restrict__ rates, float keep1, float add1, float keep2, float add2,
    float epsilon) {
  int i = blockIdx.x * 8 + threadIdx.x / 32;
  if (!verdict->finite || i >= count || !begins(rows, i)) return;
  Parameter p = parameters[which];
  Constants c = constants_of(
      p, *verdict, *learning_rate, rates[which], keep1, add1, keep2, add2, epsilon);
  if ((p.flags & ALIGNED) && aligned(values, width))
    update_row<4>(p, c, rows, order, values, count, i, width);
  else
    update_row<1>(p, c, rows, order, values, count, i, width);
}
