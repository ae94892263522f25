// y = rms_norm(x * silu(z)) * weight, or with NORM_FIRST y = rms_norm(x) * weight * silu(z), per row
// and group of channels. Kept for backward: 1 / rms, one a unit.
//
// Units, options, grid and strides as in rms_norm.cu; NORM_FIRST 0 or 1.

struct Row {
  Vector<Element, VECTOR> x[ITEMS], z[ITEMS];
};

extern "C" __device__ const int gated_norm_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) gated_norm_forward(
    const Element* x, long long x_row, const Element* z, long long z_row, const Weight* weight,
    long long weight_group, float epsilon,
    Element* __restrict__ y, long long y_row, float* __restrict__ rstd, long long rows, int groups,
    int width) {
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
    for (int v = 0; v < VECTOR; v++) scale[i][v] = 1.f;
    if (weight && columns[i] < end)
      load_floats<VECTOR>(weight + group * weight_group + columns[i] - begin, scale[i]);
  }

  auto fetch = [&](long long row) {
    Row fetched;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < end;
      fetched.x[i] = some ? load<VECTOR>(x + row * x_row + columns[i]) : zeros<Element, VECTOR>();
      fetched.z[i] = some ? load<VECTOR>(z + row * z_row + columns[i]) : zeros<Element, VECTOR>();
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
      float gate[VECTOR];
      now.x[i].unpack(values[i]);
      now.z[i].unpack(gate);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        float gated = values[i][v] * silu(gate[v]);
        float normed = NORM_FIRST ? values[i][v] : gated;
        squares += normed * normed;
        values[i][v] = gated;
      }
    }
    float inverse = rsqrtf(unit_sum(squares, slots[turn]) / width + epsilon);
    turn ^= 1;
    if (row < rows) {
      if (lane == 0) rstd[row * groups + group] = inverse;
      store_normed(values, inverse, scale, y + row * y_row, columns, end);
    }
  }
}
