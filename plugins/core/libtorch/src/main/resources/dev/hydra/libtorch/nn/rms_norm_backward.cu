// The gradients of rms_norm.cu, with n = h / rms(h) and w = weight, or the factor:
//   dh = (dy * w - n * mean(dy * w * n)) / rms(h) + dh_after,   dweight = sum over rows of dy * n
// where dh_after is what came back along the residual stream from later layers (may be null). As h
// is x + residual, dh is the gradient of both: it is written as `dh` in the stream's type and as
// `dx` in the type of x, each unless null (one of them is enough where the types agree).
//
// dweight: a block leaves its sum over its rows in partials[blockIdx.x][groups * width] (null if
// there is no weight to learn); column_sums adds them up. Where the groups share one weight
// (weight_group 0) the host calls column_sums with gridDim.x * groups rows of width columns.
//
// Options, grid and strides as in rms_norm.cu; STREAM_BF16 is the type of h, dh and dh_after.

struct Row {
  Vector<Element, VECTOR> dy[ITEMS];
  Vector<Stream, VECTOR> h[ITEMS];
  float inverse;
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) rms_norm_backward(
    const Element* __restrict__ dy, long long dy_row, const Stream* __restrict__ h, long long h_row,
    const float* __restrict__ rstd, const Stream* __restrict__ dh_after, long long dh_after_row,
    const Weight* __restrict__ weight, long long weight_group, float factor,
    Stream* __restrict__ dh, long long dh_row, Input* __restrict__ dx, long long dx_row,
    float* __restrict__ partials, long long rows, int groups, int width) {
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
      scale[i][v] = factor;
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
      fetched.h[i] = some ? load<VECTOR>(h + row * h_row + columns[i]) : zeros<Stream, VECTOR>();
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row ahead = fetch(row);
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += step, row += step) {
    Row now = ahead;
    ahead = fetch(row + step);
    Vector<Stream, VECTOR> after[ITEMS];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = dh_after && row < rows && columns[i] < end;
      after[i] = some ? load<VECTOR>(dh_after + row * dh_after_row + columns[i])
                      : zeros<Stream, VECTOR>();
    }
    float inverse = now.inverse;
    float dot = normed_dot(now.dy, now.h, inverse, scale, sums);
    float mean = unit_sum(dot, slots[turn]) / width;
    turn ^= 1;
    if (row < rows) {
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        if (columns[i] < end) {
          float d[VECTOR], n[VECTOR], result[VECTOR];
          now.dy[i].unpack(d);
          now.h[i].unpack(n);
          after[i].unpack(result);
#pragma unroll
          for (int v = 0; v < VECTOR; v++)
            result[v] += inverse * (d[v] * scale[i][v] - n[v] * inverse * mean);
          if (dh) store(dh + row * dh_row + columns[i], result);
          if (dx) store(dx + row * dx_row + columns[i], result);
        }
      }
    }
  }
  if (partials) leave_sums(sums, partials + ((long long)blockIdx.x * groups + group) * width, width);
}
