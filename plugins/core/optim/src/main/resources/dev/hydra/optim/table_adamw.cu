// AdamW on the rows of a table that a sparse gradient holds ("lazy" Adam): a row that it does not
// hold stays as it is, its moments too. The gradient is a list of rows, in any order and with
// repetitions; the host gives their numbers sorted and, for each, its place in the list (a stable
// sort), so that rows are added up in the order of the list and neither their number nor which
// ones they are need be known to the host.
//
// Options: THREADS, a power of two. Grid of both: count, the length of the list.
// table_squares: partials: one double an entry of the list, 0 for all but the first of a row.
// table_update: the parameter's record is that of the whole table; its gradient is not used.

// The sum of the entries of the row that begins at place i of the sorted list, in one column.
__device__ __forceinline__ float row_sum(
    const long long* rows, const long long* order, const float* values, int count, int i,
    long long width, long long column) {
  long long row = rows[i];
  float sum = 0.f;
  for (; i < count && rows[i] == row; i++) sum += values[order[i] * width + column];
  return sum;
}

extern "C" __global__ void __launch_bounds__(THREADS) table_squares(
    const long long* __restrict__ rows, const long long* __restrict__ order,
    const float* __restrict__ values, int count, long long width, double* __restrict__ partials) {
  int i = blockIdx.x;
  if (i > 0 && rows[i - 1] == rows[i]) {
    if (threadIdx.x == 0) partials[i] = 0.0;
    return;
  }
  float squares = 0.f;
  for (long long column = threadIdx.x; column < width; column += THREADS) {
    float gradient = row_sum(rows, order, values, count, i, width, column);
    squares += gradient * gradient;
  }
  double total = block_sum(squares);
  if (threadIdx.x == 0) partials[i] = total;
}

extern "C" __global__ void __launch_bounds__(THREADS) table_update(
    const Parameter* __restrict__ parameters, int which, const long long* __restrict__ rows,
    const long long* __restrict__ order, const float* __restrict__ values, int count,
    long long width, const Verdict* __restrict__ verdict, const float* __restrict__ learning_rate,
    const float2* __restrict__ rates, float keep1, float add1, float keep2, float add2,
    float epsilon) {
  int i = blockIdx.x;
  if (!verdict->finite || (i > 0 && rows[i - 1] == rows[i])) return;
  Parameter p = parameters[which];
  Constants c = constants_of(
      p, *verdict, *learning_rate, rates[which], keep1, add1, keep2, add2, epsilon);
  long long first = rows[i] * width;
  for (long long column = threadIdx.x; column < width; column += THREADS) {
    float gradient = row_sum(rows, order, values, count, i, width, column);
    long long at = first + column;
    float m = p.master[at], a = p.average[at], s = p.square[at];
    update(m, gradient, a, s, c);
    p.master[at] = m;
    p.average[at] = a;
    p.square[at] = s;
    if (p.copy) from_float(m, p.copy[at]);
  }
}
