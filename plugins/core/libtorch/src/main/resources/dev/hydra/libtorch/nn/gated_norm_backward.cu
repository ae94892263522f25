// The gradients of gated_norm.cu, with g = silu(z), r = 1 / rms and m = mean over the unit.
//   norm last (n = x g r):  dn = dy w,    dv = r (dn - n m(dn n)),  dx = dv g,  dz = dv x silu'(z),
//                           dw = sum over rows of dy n
//   norm first (n = x r):   dn = dy w g,  dx = r (dn - n m(dn n)),  dz = dy w n silu'(z),
//                           dw = sum over rows of dy g n
// In both, dy w times (x g r) is the product whose mean is taken, and dy times it goes to dw.
// Where y is given, what forward wrote is written again, by the same products in the same order.
// dweight goes through partials[gridDim.x][groups * width] as in rms_norm_backward.cu.
//
// Options, grid and strides as in gated_norm.cu.

#define AHEAD (ITEMS * VECTOR <= 8 ? 2 : 1)  // rows on their way; there are no registers for more

struct Row {
  Vector<Element, VECTOR> dy[ITEMS], x[ITEMS], z[ITEMS];
  float inverse;
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) gated_norm_backward(
    const Element* __restrict__ dy, long long dy_row, const Element* __restrict__ x,
    long long x_row, const Element* __restrict__ z, long long z_row, const float* __restrict__ rstd,
    const Weight* __restrict__ weight, long long weight_group, Element* __restrict__ dx,
    long long dx_row, Element* __restrict__ dz, long long dz_row, Element* __restrict__ y,
    long long y_row, float* __restrict__ partials, long long rows, int groups, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, group = blockIdx.y, turn = 0;
  int begin = group * width, end = begin + width;
  int columns[ITEMS];
  float scale[ITEMS][VECTOR], sums[ITEMS][VECTOR];
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = begin + (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
      scale[i][v] = 1.f;
      sums[i][v] = 0.f;
    }
    if (weight && columns[i] < end)
      load_floats<VECTOR>(weight + group * weight_group + columns[i] - begin, scale[i]);
  }

  auto fetch = [&](long long row) {
    Row fetched;
    fetched.inverse = row < rows ? rstd[row * groups + group] : 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < end;
      fetched.dy[i] = some ? load<VECTOR>(dy + row * dy_row + columns[i]) : zeros<Element, VECTOR>();
      fetched.x[i] = some ? load<VECTOR>(x + row * x_row + columns[i]) : zeros<Element, VECTOR>();
      fetched.z[i] = some ? load<VECTOR>(z + row * z_row + columns[i]) : zeros<Element, VECTOR>();
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row ahead[AHEAD];
#pragma unroll
  for (int a = 0; a < AHEAD; a++) ahead[a] = fetch(row + a * step);
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += step, row += step) {
    Row now = ahead[0];
#pragma unroll
    for (int a = 0; a + 1 < AHEAD; a++) ahead[a] = ahead[a + 1];
    ahead[AHEAD - 1] = fetch(row + AHEAD * step);
    float inverse = now.inverse;
    float dot = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      float d[VECTOR], xs[VECTOR], zs[VECTOR];
      now.dy[i].unpack(d);
      now.x[i].unpack(xs);
      now.z[i].unpack(zs);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        float product = d[v] * (xs[v] * silu(zs[v]) * inverse);
        sums[i][v] += product;
        dot += product * scale[i][v];
      }
    }
    float mean = unit_sum(dot, slots[turn]) / width;
    turn ^= 1;
    if (row < rows) {
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        if (columns[i] < end) {
          float d[VECTOR], xs[VECTOR], zs[VECTOR], to_x[VECTOR], to_z[VECTOR], again[VECTOR];
          now.dy[i].unpack(d);
          now.x[i].unpack(xs);
          now.z[i].unpack(zs);
#pragma unroll
          for (int v = 0; v < VECTOR; v++) {
            // Computed twice: keeping it would cost registers, and so rows in flight
            float logistic = sigmoid(zs[v]);
            float gate = zs[v] * logistic, slope = silu_slope(zs[v], logistic);
            float flow = d[v] * scale[i][v];
            again[v] = xs[v] * gate * (inverse * scale[i][v]);
            if (NORM_FIRST) {
              float n = xs[v] * inverse;
              to_x[v] = inverse * (flow * gate - n * mean);
              to_z[v] = flow * n * slope;
            } else {
              float dv = inverse * (flow - xs[v] * gate * inverse * mean);
              to_x[v] = dv * gate;
              to_z[v] = dv * xs[v] * slope;
            }
          }
          store(dx + row * dx_row + columns[i], to_x);
          store(dz + row * dz_row + columns[i], to_z);
          if (y) store(y + row * y_row + columns[i], again);
        }
      }
    }
  }
  if (partials) leave_sums(sums, partials + ((long long)blockIdx.x * groups + group) * width, width);
}
