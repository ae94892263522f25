// What gates of one number let through, added to the residual stream, and the norm of the sum, in
// one pass:
//
//   h = stream + scale_1 gate_1 y_1 (+ scale_2 gate_2 y_2),   y = h / rms(h) * weight
//
// h is stored too, rounded to its type after each addition, and the norm is of what is stored. Kept
// for backward: 1 / rms, one a row.
//
// A unit is a row: LANES threads hold ITEMS vectors of VECTOR channels each; a block takes rows
// gridDim.x * UNITS apart, and the next row is on its way while this one is reduced.
//
// Options: those of reductions.cu, VECTOR, ITEMS, RESIDENT, ADDENDS (1 or 2), STREAM_BF16 (stream,
// h), INPUT_BF16 (y_1, y_2), ELEMENT_BF16 (y), WEIGHT_BF16.
// Grid: any number of blocks up to ceil(rows / UNITS). What is written is contiguous.

struct Row {
  Vector<Stream, VECTOR> stream[ITEMS];
  Vector<Input, VECTOR> more[ADDENDS][ITEMS];
};

extern "C" __device__ const int stream_norm_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) stream_norm_forward(
    const Stream* stream, long long stream_row, const Input* first, long long first_row,
    const float* first_gate, float first_scale, const Input* second, long long second_row,
    const float* second_gate, float second_scale, const Weight* weight, float epsilon,
    Stream* __restrict__ h, Element* __restrict__ y, float* __restrict__ rstd, long long rows, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, turn = 0;
  if (threadIdx.x == 0) {
    fetch_ahead(weight, width * sizeof(Weight));
    fetch_ahead(first_gate, sizeof(float));
    if (ADDENDS == 2) fetch_ahead(second_gate, sizeof(float));
  }
  launch_dependents();
  wait_for_prerequisites();
  int columns[ITEMS];
  float scale[ITEMS][VECTOR], factors[ADDENDS];
  factors[0] = first_scale * *first_gate;
#if ADDENDS == 2
  factors[1] = second_scale * *second_gate;
#endif
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) scale[i][v] = 0.f;
    if (columns[i] < width) load_floats<VECTOR>(weight + columns[i], scale[i]);
  }
  auto fetch = [&](long long row) {
    Row fetched;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      fetched.stream[i] = some ? load<VECTOR>(stream + row * stream_row + columns[i])
                               : zeros<Stream, VECTOR>();
      fetched.more[0][i] = some ? load<VECTOR>(first + row * first_row + columns[i])
                                : zeros<Input, VECTOR>();
#if ADDENDS == 2
      fetched.more[1][i] = some ? load<VECTOR>(second + row * second_row + columns[i])
                                : zeros<Input, VECTOR>();
#endif
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row ahead = fetch(row);
  for (long long from = (long long)blockIdx.x * UNITS; from < rows; from += step, row += step) {
    Row now = ahead;
    ahead = fetch(row + step);
    float values[ITEMS][VECTOR], squares = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      now.stream[i].unpack(values[i]);
#pragma unroll
      for (int a = 0; a < ADDENDS; a++) {
        float add[VECTOR];
        now.more[a][i].unpack(add);
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
          values[i][v] = rounded<Stream>(values[i][v] + factors[a] * add[v]);
      }
      if (row < rows && columns[i] < width) store(h + row * width + columns[i], values[i]);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) squares += values[i][v] * values[i][v];
    }
    float inverse = rsqrtf(unit_sum(squares, slots[turn]) / width + epsilon);
    turn ^= 1;
    if (row < rows) {
      if (lane == 0) rstd[row] = inverse;
      store_normed(values, inverse, scale, y + row * width, columns, width);
    }
  }
}
