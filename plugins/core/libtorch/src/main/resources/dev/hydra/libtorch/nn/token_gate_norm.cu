// What gates let through, one of them of each token, added to the residual stream, and the norm of the sum, in one pass:
//
//   h = stream (+ scale_1 gate_1 y_1 (+ scale_2 gate_2 y_2)) + scale g value,   g = sigmoid(w . x + b)
//   y = h / rms(h) * weight
//
// where gate_1 and gate_2 are single numbers. h is stored too, rounded to its type after each addition, and the norm is
// of what is stored: the bits are those of token_gate.cu and a norm after it. Kept for backward: g and 1 / rms, one a row
// each.
//
// A unit is a row: LANES threads hold ITEMS vectors of VECTOR channels each; a block takes rows gridDim.x * UNITS apart.
// The next row, and x of the one after, are on their way. A row takes one barrier: what its gate is of was summed along
// with the squares of the row before.
//
// Options: those of reductions.cu, VECTOR, ITEMS, RESIDENT, ADDENDS (0 to 2), STREAM_BF16 (stream, h), ELEMENT_BF16 (all
// else but the gates and weights, which are float32).
// Grid: any number of blocks up to ceil(rows / UNITS). What is written is contiguous.

constexpr int MORE = ADDENDS ? ADDENDS : 1;

struct Row {
  Vector<Stream, VECTOR> stream[ITEMS];
  Vector<Element, VECTOR> value[ITEMS], more[MORE][ITEMS];
};

struct Read {
  Vector<Element, VECTOR> x[ITEMS];
};

extern "C" __device__ const int token_gate_norm_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) token_gate_norm_forward(
    const Stream* stream, long long stream_row, const Element* first, long long first_row,
    const float* first_gate, float first_scale, const Element* second, long long second_row,
    const float* second_gate, float second_scale, const Element* x, long long x_row, const float* w,
    const float* bias, const Element* value, long long value_row, float scale, const float* weight,
    float epsilon, Stream* __restrict__ h, Element* __restrict__ y, float* __restrict__ gates,
    float* __restrict__ rstd, long long rows, int width) {
  __shared__ float2 slots[2][WARPS];
  int lane = threadIdx.x % LANES, turn = 0;
  if (threadIdx.x == 0) {
    fetch_ahead(w, width * sizeof(float));
    fetch_ahead(bias, sizeof(float));
    fetch_ahead(weight, width * sizeof(float));
    if (ADDENDS > 0) fetch_ahead(first_gate, sizeof(float));
    if (ADDENDS > 1) fetch_ahead(second_gate, sizeof(float));
  }
  launch_dependents();
  wait_for_prerequisites();
  const Element* more[] = {first, second};
  long long more_row[] = {first_row, second_row};
  float factors[] = {ADDENDS > 0 ? first_scale * *first_gate : 0.f,
                     ADDENDS > 1 ? second_scale * *second_gate : 0.f};
  int columns[ITEMS];
  float asks[ITEMS][VECTOR], norm[ITEMS][VECTOR], b = *bias;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) asks[i][v] = norm[i][v] = 0.f;
    if (columns[i] < width) {
      load_floats<VECTOR>(w + columns[i], asks[i]);
      load_floats<VECTOR>(weight + columns[i], norm[i]);
    }
  }
  auto fetch = [&](long long row) {
    Row fetched;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      fetched.stream[i] = some ? load<VECTOR>(stream + row * stream_row + columns[i])
                               : zeros<Stream, VECTOR>();
      fetched.value[i] = some ? load<VECTOR>(value + row * value_row + columns[i])
                              : zeros<Element, VECTOR>();
#pragma unroll
      for (int a = 0; a < ADDENDS; a++)
        fetched.more[a][i] = some ? load<VECTOR>(more[a] + row * more_row[a] + columns[i])
                                  : zeros<Element, VECTOR>();
    }
    return fetched;
  };
  auto fetch_x = [&](long long row) {
    Read fetched;
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
      fetched.x[i] = row < rows && columns[i] < width ? load<VECTOR>(x + row * x_row + columns[i])
                                                      : zeros<Element, VECTOR>();
    return fetched;
  };
  auto answer = [&](const Read& read) {
    float dot = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      float values[VECTOR];
      read.x[i].unpack(values);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) dot += values[v] * asks[i][v];
    }
    return dot;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Read read = fetch_x(row);
  Row ahead = fetch(row);
  float dot = answer(read), squares = 0.f;
  read = fetch_x(row + step);
  unit_sums(squares, dot, slots[1]);
  for (long long from = (long long)blockIdx.x * UNITS; from < rows; from += step, row += step) {
    float gate = logistic(dot + b), factor = scale * gate;
    Row now = ahead;
    ahead = fetch(row + step);
    dot = answer(read);
    read = fetch_x(row + 2 * step);
    float values[ITEMS][VECTOR];
    squares = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      float add[VECTOR];
      now.stream[i].unpack(values[i]);
#pragma unroll
      for (int a = 0; a < ADDENDS; a++) {
        now.more[a][i].unpack(add);
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
          values[i][v] = rounded<Stream>(values[i][v] + factors[a] * add[v]);
      }
      now.value[i].unpack(add);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        values[i][v] = rounded<Stream>(values[i][v] + factor * add[v]);
        squares += values[i][v] * values[i][v];
      }
      if (row < rows && columns[i] < width) store(h + row * width + columns[i], values[i]);
    }
    unit_sums(squares, dot, slots[turn]);
    turn ^= 1;
    float inverse = rsqrtf(squares / width + epsilon);
    if (row < rows) {
      if (lane == 0) {
        gates[row] = gate;
        rstd[row] = inverse;
      }
      store_normed(values, inverse, norm, y + row * width, columns, width);
    }
  }
}
