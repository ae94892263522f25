// The gradients of stream_norm.cu, with n = h / rms(h) and w = weight:
//
//   dh = (dy * w - n * mean(dy * w * n)) / rms(h) + dh_after,   dweight = sum over rows of dy * n
//   dy_i = scale_i gate_i dh,   dgate_i = scale_i * the sum over all elements of dh * y_i
//
// dh is the gradient of the stream, dh_after what came back to h from later layers. dy and
// dh_after may each be null. A block leaves its sums in partials[blockIdx.x][pitch]: those of dweight
// first, and those of the gates in the last 4 * ADDENDS places, four apart; column_sums adds them up.
//
// Options and grid as in stream_norm.cu. h and what is written are contiguous.

struct Row {
  Vector<Element, VECTOR> dy[ITEMS];
  Vector<Stream, VECTOR> h[ITEMS];
  float inverse;
};

// An addend and its gradient.
struct Addend {
  const Input* y;
  long long row;
  Input* dy;
  float scale, factor, dot;

  __device__ __forceinline__ void backward(
      const float (&dh)[VECTOR], long long at, int column, int width) {
    float own[VECTOR];
    load_floats<VECTOR>(y + at * row + column, own);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
      dot += dh[v] * own[v];
      own[v] = factor * dh[v];
    }
    store(dy + at * width + column, own);
  }
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) stream_norm_backward(
    const Element* __restrict__ dy, long long dy_row, const Stream* __restrict__ h, const float* __restrict__ rstd,
    const Stream* __restrict__ dh_after, long long dh_after_row, const Weight* __restrict__ weight,
    const Input* first, long long first_row, const float* __restrict__ first_gate,
    float first_scale, const Input* second, long long second_row,
    const float* __restrict__ second_gate, float second_scale, Stream* __restrict__ dh,
    Input* dfirst, Input* dsecond, float* __restrict__ partials, int pitch,
    long long rows, int width) {
  __shared__ float slots[2][WARPS];
  int lane = threadIdx.x % LANES, turn = 0;
  int columns[ITEMS];
  float scale[ITEMS][VECTOR], sums[ITEMS][VECTOR];
  Addend addends[ADDENDS];
  addends[0] = {first, first_row, dfirst, first_scale, first_scale * *first_gate, 0.f};
#if ADDENDS == 2
  addends[1] = {second, second_row, dsecond, second_scale, second_scale * *second_gate, 0.f};
#endif
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) scale[i][v] = sums[i][v] = 0.f;
    if (columns[i] < width) load_floats<VECTOR>(weight + columns[i], scale[i]);
  }
  auto fetch = [&](long long row) {
    Row fetched;
    fetched.inverse = row < rows ? rstd[row] : 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      fetched.dy[i] = some && dy ? load<VECTOR>(dy + row * dy_row + columns[i])
                                 : zeros<Element, VECTOR>();
      fetched.h[i] = some ? load<VECTOR>(h + row * width + columns[i]) : zeros<Stream, VECTOR>();
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row ahead = fetch(row);
  for (long long from = (long long)blockIdx.x * UNITS; from < rows; from += step, row += step) {
    Row now = ahead;
    ahead = fetch(row + step);
    Vector<Stream, VECTOR> after[ITEMS];
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = dh_after && row < rows && columns[i] < width;
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
        if (columns[i] < width) {
          float d[VECTOR], n[VECTOR], result[VECTOR];
          now.dy[i].unpack(d);
          now.h[i].unpack(n);
          after[i].unpack(result);
#pragma unroll
          for (int v = 0; v < VECTOR; v++)
            result[v] = rounded<Stream>(
                result[v] + inverse * (d[v] * scale[i][v] - n[v] * inverse * mean));
          store(dh + row * width + columns[i], result);
#pragma unroll
          for (int a = 0; a < ADDENDS; a++) addends[a].backward(result, row, columns[i], width);
        }
      }
    }
  }
  float* left = partials + (long long)blockIdx.x * pitch;
#pragma unroll
  for (int a = 0; a < ADDENDS; a++)
    leave_number(
        addends[a].dot, addends[a].scale, slots[0], left + pitch - 4 * (ADDENDS - a));
  leave_sums(sums, left, width);
}
