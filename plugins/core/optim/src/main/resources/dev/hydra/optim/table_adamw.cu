// AdamW on the rows of a table that were read ("lazy" Adam): a row that no backward has read stays as
// it is, its moments too. Either the gradient is the list of rows that one backward has left, see
// table_rows.cu, or what table_sum.cu has added up.
//
// Grids: (rows / 8, rounded up), 256 threads, where rows is `count`, the length of the list, or all
// rows of the table.
// table_squares: partials: one double an entry of the list, 0 for all but the first of a row.
// table_update: the parameter's record is that of the whole table; its gradient is not used.
// table_update_sum: the record has the gradient, of all rows; was_read: 1 for each row that was read.

template <int WIDE>
__device__ __forceinline__ double squares_of(
    const int* rows, const Long* order, const float* values, int count, int i, Long width) {
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
  total = sum_lanes(total);
  return total;
}

// Of itself the compiler takes registers for five blocks a multiprocessor, and spills.
extern "C" __global__ void __launch_bounds__(256, 4) table_squares(
    const int* __restrict__ rows, const Long* __restrict__ order, const float* __restrict__ values,
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

template <int WIDE, class Gradient>
__device__ __forceinline__ void update_row(
    const Parameter& p, const Constants& c, Long row, Long width, const Gradient& gradient) {
  Long first = row * width;
  for (Long from = 0; from < width; from += 32 * WIDE * PIECES) {
    Long column = from + threadIdx.x % 32 * WIDE;
    Piece<WIDE> g[PIECES], m[PIECES], a[PIECES], s[PIECES];
    read(p.master + first, column, width, m);
    read(p.average + first, column, width, a);
    read(p.square + first, column, width, s);
    gradient(column, g);
#pragma unroll
    for (int k = 0; k < PIECES; k++) {
      Long at = column + k * 32 * WIDE;
      if (at >= width) break;
#pragma unroll
      for (int v = 0; v < WIDE; v++) update(m[k].at[v], g[k].at[v], a[k].at[v], s[k].at[v], c);
      store(p.master + first + at, m[k].at);
      store(p.average + first + at, a[k].at);
      store(p.square + first + at, s[k].at);
      if (p.copy) store(p.copy + first + at, m[k].at);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) table_update(
    const Parameter* __restrict__ parameters, int which, const int* __restrict__ rows,
    const Long* __restrict__ order, const float* __restrict__ values, int count, Long width,
    const Verdict* __restrict__ verdict, const float* __restrict__ learning_rate,
    const float2* __restrict__ rates, float keep1, float add1, float keep2, float add2,
    float epsilon) {
  int i = blockIdx.x * 8 + threadIdx.x / 32;
  if (!verdict->finite || i >= count || !begins(rows, i)) return;
  Parameter p = parameters[which];
  Constants c = constants_of(
      p, *verdict, *learning_rate, rates[which], keep1, add1, keep2, add2, epsilon);
  auto sum = [&](Long column, auto& to) { row_sum(rows, order, values, count, i, width, column, to); };
  if ((p.flags & ALIGNED) && aligned(values, width))
    update_row<4>(p, c, rows[i], width, sum);
  else
    update_row<1>(p, c, rows[i], width, sum);
}

extern "C" __global__ void __launch_bounds__(256) table_update_sum(
    const Parameter* __restrict__ parameters, int which, const unsigned char* __restrict__ was_read,
    Long rows, Long width, const Verdict* __restrict__ verdict,
    const float* __restrict__ learning_rate, const float2* __restrict__ rates, float keep1,
    float add1, float keep2, float add2, float epsilon) {
  Long row = (Long)blockIdx.x * 8 + threadIdx.x / 32;
  if (!verdict->finite || row >= rows || !was_read[row]) return;
  Parameter p = parameters[which];
  Constants c = constants_of(
      p, *verdict, *learning_rate, rates[which], keep1, add1, keep2, add2, epsilon);
  const float* gradient = static_cast<const float*>(p.gradient) + row * width;
  auto found = [&](Long column, auto& to) { read(gradient, column, width, to); };
  if ((p.flags & ALIGNED) && width % 4 == 0)
    update_row<4>(p, c, row, width, found);
  else
    update_row<1>(p, c, row, width, found);
}
