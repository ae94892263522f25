// y = h / rms(h) * weight (or a fixed factor where there are no weights) with h = x + residual, per
// row and group of channels; h is stored too, rounded to its type, and the norm is of what is stored, so that backward sees
// the same. Without RESIDUAL h is x and is not stored. Kept for backward: 1 / rms, one a unit.
//
// A unit is one group of one row: LANES threads hold ITEMS vectors of VECTOR channels each. A block
// takes rows gridDim.x * UNITS apart; the weights stay in registers, and the next row is on its way
// while this one is reduced.
//
// Options: VECTOR, LANES, ITEMS (LANES * ITEMS * VECTOR >= width), THREADS (a multiple of LANES and
// of 32), RESIDENT (blocks a multiprocessor, which caps registers), RESIDUAL, STREAM_BF16 (type of
// residual and h; without RESIDUAL unused), INPUT_BF16 (type of x), ELEMENT_BF16 (type of y).
// Grid: (any number of blocks up to ceil(rows / UNITS), groups).
//
// Group g of row r begins at x + r * x_row + g * width, likewise y, residual and h; its weights
// begin at weight + g * weight_group (width: own ones; 0: shared, as by the heads of a q/k norm).

struct Row {
  Vector<Input, VECTOR> x[ITEMS];
#if RESIDUAL
  Vector<Stream, VECTOR> residual[ITEMS];
#endif
};

extern "C" __device__ const int rms_norm_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) rms_norm_forward(
    const Input* x, long long x_row, const Stream* residual, long long residual_row,
    const Weight* weight, long long weight_group,
    float factor, float epsilon, Stream* __restrict__ h, long long h_row,
    Element* __restrict__ y, long long y_row,
    float* __restrict__ rstd, long long rows, int groups, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, group = blockIdx.y, turn = 0;
  int begin = group * width, end = begin + width;
  if (weight && threadIdx.x == 0) fetch_ahead(weight + group * weight_group, width * sizeof(Weight));
  launch_dependents();
  wait_for_prerequisites();
  int columns[ITEMS];
  float scale[ITEMS][VECTOR];
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = begin + (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) scale[i][v] = factor;
    if (weight && columns[i] < end)
      load_floats<VECTOR>(weight + group * weight_group + columns[i] - begin, scale[i]);
  }

  auto fetch = [&](long long row) {
    Row fetched;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < end;
      fetched.x[i] = some ? load<VECTOR>(x + row * x_row + columns[i]) : zeros<Input, VECTOR>();
#if RESIDUAL
      fetched.residual[i] = some ? load<VECTOR>(residual + row * residual_row + columns[i])
                                 : zeros<Stream, VECTOR>();
#endif
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row ahead = fetch(row);
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += step, row += step) {
    Row now = ahead;
    ahead = fetch(row + step);
    float values[ITEMS][VECTOR], squares = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      now.x[i].unpack(values[i]);
#if RESIDUAL
      float add[VECTOR];
      now.residual[i].unpack(add);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) values[i][v] = rounded<Stream>(values[i][v] + add[v]);
      if (row < rows && columns[i] < end) store(h + row * h_row + columns[i], values[i]);
#endif
#pragma unroll
      for (int v = 0; v < VECTOR; v++) squares += values[i][v] * values[i][v];
    }
    float inverse = rsqrtf(unit_sum(squares, slots[turn]) / width + epsilon);
    turn ^= 1;
    if (row < rows) {
      if (lane == 0) rstd[row * groups + group] = inverse;
      store_normed(values, inverse, scale, y + row * y_row, columns, end);
    }
  }
}
