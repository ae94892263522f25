// out = scale * g * value with one gate a row, g = sigmoid(w . x + b); with `base`, base + that.
// Kept for backward: g. Gradients, with p = scale * (dout . value) * g * (1 - g):
//   dvalue = scale * g * dout,   dx (+)= p * w,   dw = sum over rows of p * x,   db = sum of p
// (that of base is dout itself). With ADDENDS, of which there are no gradients here, base is
//   base + scale_1 gate_1 y_1 (+ scale_2 gate_2 y_2),
// rounded to its type after each addition, where gate_1 and gate_2 are single numbers. A block leaves its sums over its rows in partials[blockIdx.x]
// [width + VECTOR], b's after those of w, then zeros; column_sums adds them up.
//
// A unit is a row: LANES threads hold ITEMS vectors of VECTOR channels each; a block takes rows
// gridDim.x * UNITS apart. Options: those of reductions.cu, RESIDENT, INPUT_BF16 (x, dx),
// ELEMENT_BF16 (value, dvalue, y_1, y_2), ADDENDS (0 to 2), STREAM_BF16 (base, out, dout), WEIGHT_BF16 (w, b, their gradients).
// Grid: any number of blocks up to ceil(rows / UNITS).

extern "C" __device__ const int token_gate_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) token_gate_forward(
    const Input* x, long long x_row, const Weight* weight, const Weight* bias, const Element* value,
    long long value_row, float scale, const Stream* base, long long base_row, const Element* first,
    long long first_row, const float* first_gate, float first_scale, const Element* second,
    long long second_row, const float* second_gate, float second_scale,
    Stream* __restrict__ out, float* __restrict__ gates, long long rows, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, turn = 0;
  if (threadIdx.x == 0) {
    fetch_ahead(weight, width * sizeof(Weight));
    fetch_ahead(bias, sizeof(Weight));
  }
  launch_dependents();
  wait_for_prerequisites();
  float w[ITEMS][VECTOR], b = to_float(*bias);
#if ADDENDS
  const Element* more[] = {first, second};
  long long more_row[] = {first_row, second_row};
  float factors[ADDENDS];
  factors[0] = first_scale * *first_gate;
#if ADDENDS == 2
  factors[1] = second_scale * *second_gate;
#endif
#endif
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    int column = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) w[i][v] = 0.f;
    if (column < width) load_floats<VECTOR>(weight + column, w[i]);
  }
  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  for (long long from = (long long)blockIdx.x * UNITS; from < rows; from += step, row += step) {
    Vector<Element, VECTOR> y[ITEMS];
    Vector<Stream, VECTOR> add[ITEMS];
#if ADDENDS
    Vector<Element, VECTOR> addends[ADDENDS][ITEMS];
#endif
    float dot = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int column = (i * LANES + lane) * VECTOR;
      bool some = row < rows && column < width;
      y[i] = some ? load<VECTOR>(value + row * value_row + column) : zeros<Element, VECTOR>();
      add[i] = some && base ? load<VECTOR>(base + row * base_row + column)
                            : zeros<Stream, VECTOR>();
#if ADDENDS
#pragma unroll
      for (int a = 0; a < ADDENDS; a++)
        addends[a][i] = some ? load<VECTOR>(more[a] + row * more_row[a] + column)
                             : zeros<Element, VECTOR>();
#endif
      if (some) {
        float in[VECTOR];
        load_floats<VECTOR>(x + row * x_row + column, in);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) dot += in[v] * w[i][v];
      }
    }
    float gate = logistic(unit_sum(dot, slots[turn]) + b), factor = scale * gate;
    turn ^= 1;
    if (row < rows) {
      if (lane == 0) gates[row] = gate;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        int column = (i * LANES + lane) * VECTOR;
        if (column < width) {
          float values[VECTOR], sum[VECTOR];
          y[i].unpack(values);
          add[i].unpack(sum);
#if ADDENDS
#pragma unroll
          for (int a = 0; a < ADDENDS; a++) {
            float addend[VECTOR];
            addends[a][i].unpack(addend);
#pragma unroll
            for (int v = 0; v < VECTOR; v++)
              sum[v] = rounded<Stream>(sum[v] + factors[a] * addend[v]);
          }
#endif
#pragma unroll
          for (int v = 0; v < VECTOR; v++) sum[v] += factor * values[v];
          store(out + row * width + column, sum);
        }
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) token_gate_backward(
    const Stream* __restrict__ dout, long long dout_row, const Input* __restrict__ x,
    long long x_row, const Weight* __restrict__ weight, const Element* __restrict__ value,
    long long value_row, float scale, const float* __restrict__ gates, Input* __restrict__ dx,
    int adds, Element* __restrict__ dvalue, float* __restrict__ partials, long long rows, int width) {
  __shared__ float slots[2][WARPS];
  __shared__ float biases[UNITS];
  int lane = threadIdx.x % LANES, turn = 0;
  float w[ITEMS][VECTOR], sums[ITEMS][VECTOR], bias = 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    int column = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) w[i][v] = sums[i][v] = 0.f;
    if (column < width) load_floats<VECTOR>(weight + column, w[i]);
  }
  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += step, row += step) {
    Vector<Input, VECTOR> in[ITEMS];
    float gate = row < rows ? gates[row] : 0.f, factor = scale * gate, dot = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int column = (i * LANES + lane) * VECTOR;
      bool some = row < rows && column < width;
      in[i] = some ? load<VECTOR>(x + row * x_row + column) : zeros<Input, VECTOR>();
      if (some) {
        float d[VECTOR], y[VECTOR];
        load_floats<VECTOR>(dout + row * dout_row + column, d);
        load_floats<VECTOR>(value + row * value_row + column, y);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) {
          dot += d[v] * y[v];
          d[v] *= factor;
        }
        store(dvalue + row * width + column, d);
      }
    }
    float p = unit_sum(dot, slots[turn]) * factor * (1.f - gate);
    turn ^= 1;
    bias += p;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int column = (i * LANES + lane) * VECTOR;
      bool some = row < rows && column < width;
      float values[VECTOR], d[VECTOR];
#pragma unroll
      for (int v = 0; v < VECTOR; v++) d[v] = 0.f;
      if (adds && some) load_floats<VECTOR>(dx + row * width + column, d);
      in[i].unpack(values);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        sums[i][v] += p * values[v];
        d[v] += p * w[i][v];
      }
      if (some) store(dx + row * width + column, d);
    }
  }
  float* left = partials + (long long)blockIdx.x * (width + VECTOR);
  leave_sums(sums, left, width);
  if (lane == 0) biases[threadIdx.x / LANES] = bias;
  __syncthreads();
  if (threadIdx.x == 0) {
    float all = 0.f;
#pragma unroll
    for (int u = 0; u < UNITS; u++) all += biases[u];
    left[width] = all;
    for (int v = 1; v < VECTOR; v++) left[width + v] = 0.f;
  }
}
