// The gradients of gated_norm.cu, with g = silu(z), r = 1 / rms and m = mean over the unit.
//   norm last (n = x g r):  dn = dy w,    dv = r (dn - n m(dn n)),  dx = dv g,  dz = dv x silu'(z),
//                           dw = sum over rows of dy n
//   norm first (n = x r):   dn = dy w g,  dx = r (dn - n m(dn n)),  dz = dy w n silu'(z),
//                           dw = sum over rows of dy g n
// In both, dy w times (x g r) is the product whose mean is taken, and dy times it goes to dw.
// Where y is given, what forward wrote is written again, by the same products in the same order.
// dweight goes through partials[gridDim.x][groups * width] as in rms_norm_backward.cu.
//
// Options, grid and strides as in gated_norm.cu, and RING, see row_ring.cu.

extern "C" __device__ const int gated_norm_backward_bytes = 3 * Rows<Element>::BYTES;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) gated_norm_backward(
    const Element* __restrict__ dy, long long dy_row, const Element* __restrict__ x,
    long long x_row, const Element* __restrict__ z, long long z_row, const float* __restrict__ rstd,
    const Weight* __restrict__ weight, long long weight_group, Element* __restrict__ dx,
    long long dx_row, Element* __restrict__ dz, long long dz_row, Element* __restrict__ y,
    long long y_row, float* __restrict__ partials, long long rows, int groups, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, group = blockIdx.y, turn = 0;
  int columns[ITEMS];
  float scale[ITEMS][VECTOR], sums[ITEMS][VECTOR];
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
      scale[i][v] = 1.f;
      sums[i][v] = 0.f;
    }
    if (weight && columns[i] < width)
      load_floats<VECTOR>(weight + group * weight_group + columns[i], scale[i]);
  }
  long long base = (long long)group * width;
  dx += base;
  dz += base;
  if (y) y += base;
  Rows<Element> dys(dy + base, dy_row, SHARED);
  Rows<Element> xs(x + base, x_row, SHARED + Rows<Element>::BYTES);
  Rows<Element> zs(z + base, z_row, SHARED + 2 * Rows<Element>::BYTES);

  auto fetch = [&](int stage, long long row) {
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      dys.fetch(stage, i, row, columns[i], some);
      xs.fetch(stage, i, row, columns[i], some);
      zs.fetch(stage, i, row, columns[i], some);
    }
    fetched();
  };
  auto inverse_of = [&](long long row) { return row < rows ? rstd[row * groups + group] : 0.f; };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
#pragma unroll
  for (int s = 0; s + 1 < RING; s++) fetch(s, row + s * step);
  float ahead = inverse_of(row);
  int stage = 0;
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += step, row += step) {
    if (RING) fetch(stage == 0 ? RING - 1 : stage - 1, row + (RING - 1) * step);
    float inverse = ahead;
    ahead = inverse_of(row + step);
    arrived();
    float dot = 0.f, logistic[ITEMS][VECTOR];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      float d[VECTOR], in[VECTOR], gate[VECTOR];
      dys.get(stage, i, row, columns[i], some, d);
      xs.get(stage, i, row, columns[i], some, in);
      zs.get(stage, i, row, columns[i], some, gate);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        logistic[i][v] = sigmoid(gate[v]);
        float product = d[v] * (in[v] * (gate[v] * logistic[i][v]));
        sums[i][v] += product * inverse;
        dot += product * scale[i][v];
      }
    }
    float mean = unit_sum(dot, slots[turn]) * inverse / width;
    turn ^= 1;
    if (row < rows) {
      float share = inverse * inverse * mean;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        if (columns[i] < width) {
          float d[VECTOR], in[VECTOR], at[VECTOR], to_x[VECTOR], to_z[VECTOR], again[VECTOR];
          dys.get(stage, i, row, columns[i], true, d);
          xs.get(stage, i, row, columns[i], true, in);
          zs.get(stage, i, row, columns[i], true, at);
#pragma unroll
          for (int v = 0; v < VECTOR; v++) {
            float gate = at[v] * logistic[i][v], slope = silu_slope(at[v], logistic[i][v]);
            float flow = d[v] * scale[i][v], gated = in[v] * gate;
            again[v] = gated * (inverse * scale[i][v]);
            if (NORM_FIRST) {
              to_x[v] = inverse * flow * gate - share * in[v];
              to_z[v] = flow * (in[v] * inverse) * slope;
            } else {
              float dv = inverse * flow - share * gated;
              to_x[v] = dv * gate;
              to_z[v] = dv * in[v] * slope;
            }
          }
          store(dx + row * dx_row + columns[i], to_x);
          store(dz + row * dz_row + columns[i], to_z);
          if (y) store(y + row * y_row + columns[i], again);
        }
      }
    }
    if (++stage >= RING) stage = 0;
  }
  if (partials) leave_sums(sums, partials + ((long long)blockIdx.x * groups + group) * width, width);
}
