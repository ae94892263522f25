// The gradients of token_gate_norm.cu, with n = h / rms(h) and p = scale (dh . value) g (1 - g):
//
//   dh = (dy * weight - n * mean(dy * weight * n)) / rms(h) + dh_after,   dweight = sum over rows of dy * n
//   dvalue = scale g dh,   dx (+)= p w,   dw = sum over rows of p x,   db = sum over rows of p
//   dy_i = scale_i gate_i dh,   dgate_i = scale_i * the sum over all elements of dh * y_i
//
// dh is the gradient of the stream, dh_after what came back to h from later layers. dy and dh_after may each be null. A
// block leaves its sums in partials[blockIdx.x][2 * part + 4 + 4 * ADDENDS], where part is the width rounded up to a
// multiple of four: those of dweight, from `part` on of dw, then of db and of the gates, four apart; column_sums adds them
// up.
//
// dy and h of the next two rows and the rest of the next one are on their way. A row takes one barrier: the mean of the
// next one is summed along with dh . value.
//
// Options and grid as in token_gate_norm.cu. h and what is written are contiguous.

constexpr int MORE = ADDENDS ? ADDENDS : 1;

struct Row {
  Vector<Element, VECTOR> dy[ITEMS];
  Vector<Stream, VECTOR> h[ITEMS];
  float inverse;
};

struct Rest {
  Vector<Stream, VECTOR> after[ITEMS];
  Vector<Element, VECTOR> value[ITEMS], x[ITEMS], more[MORE][ITEMS];
  float gate;
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) token_gate_norm_backward(
    const Element* __restrict__ dy, long long dy_row, const Stream* __restrict__ h,
    const float* __restrict__ rstd, const Stream* __restrict__ dh_after, long long dh_after_row,
    const float* __restrict__ weight, const Element* __restrict__ first, long long first_row,
    const float* __restrict__ first_gate, float first_scale, const Element* __restrict__ second,
    long long second_row, const float* __restrict__ second_gate, float second_scale,
    const Element* __restrict__ x, long long x_row, const float* __restrict__ w,
    const Element* __restrict__ value, long long value_row, float scale,
    const float* __restrict__ gates, Stream* __restrict__ dh, Element* __restrict__ dfirst,
    Element* __restrict__ dsecond, Element* __restrict__ dx, int adds, Element* __restrict__ dvalue,
    float* __restrict__ partials, long long rows, int width) {
  __shared__ float2 slots[2][WARPS];
  __shared__ float numbers[WARPS];
  int lane = threadIdx.x % LANES, turn = 0;
  const Element* more[] = {first, second};
  Element* dmore[] = {dfirst, dsecond};
  long long more_row[] = {first_row, second_row};
  float scales[] = {first_scale, second_scale}, dots[] = {0.f, 0.f};
  float factors[] = {ADDENDS > 0 ? first_scale * *first_gate : 0.f,
                     ADDENDS > 1 ? second_scale * *second_gate : 0.f};
  int columns[ITEMS];
  float asks[ITEMS][VECTOR], norm[ITEMS][VECTOR];
  float dasks[ITEMS][VECTOR], dnorm[ITEMS][VECTOR], dbias = 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    columns[i] = (i * LANES + lane) * VECTOR;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) asks[i][v] = norm[i][v] = dasks[i][v] = dnorm[i][v] = 0.f;
    if (columns[i] < width) {
      load_floats<VECTOR>(w + columns[i], asks[i]);
      load_floats<VECTOR>(weight + columns[i], norm[i]);
    }
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
  auto fetch_rest = [&](long long row) {
    Rest fetched;
    fetched.gate = row < rows ? gates[row] : 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      fetched.after[i] = some && dh_after ? load<VECTOR>(dh_after + row * dh_after_row + columns[i])
                                          : zeros<Stream, VECTOR>();
      fetched.value[i] = some ? load<VECTOR>(value + row * value_row + columns[i])
                              : zeros<Element, VECTOR>();
      fetched.x[i] = some ? load<VECTOR>(x + row * x_row + columns[i]) : zeros<Element, VECTOR>();
#pragma unroll
      for (int a = 0; a < ADDENDS; a++)
        fetched.more[a][i] = some ? load<VECTOR>(more[a] + row * more_row[a] + columns[i])
                                  : zeros<Element, VECTOR>();
    }
    return fetched;
  };

  long long step = (long long)gridDim.x * UNITS;
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  Row now = fetch(row), next = fetch(row + step);
  Rest rest = fetch_rest(row);
  float dot = normed_dot(now.dy, now.h, now.inverse, norm, dnorm), inner = 0.f;
  unit_sums(dot, inner, slots[1]);
  for (long long from = (long long)blockIdx.x * UNITS; from < rows; from += step, row += step) {
    float mean = dot / width, inverse = now.inverse, factor = scale * rest.gate;
    float slope = factor * (1.f - rest.gate);
    Vector<Element, VECTOR> own[ITEMS];
    inner = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      own[i] = rest.x[i];
      float d[VECTOR], n[VECTOR], result[VECTOR];
      now.dy[i].unpack(d);
      now.h[i].unpack(n);
      rest.after[i].unpack(result);
#pragma unroll
      for (int v = 0; v < VECTOR; v++)
        result[v] = rounded<Stream>(
            result[v] + inverse * (d[v] * norm[i][v] - n[v] * inverse * mean));
      if (some) store(dh + row * width + columns[i], result);
#pragma unroll
      for (int a = 0; a < ADDENDS; a++) {
        rest.more[a][i].unpack(n);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) {
          dots[a] += result[v] * n[v];
          n[v] = factors[a] * result[v];
        }
        if (some) store(dmore[a] + row * width + columns[i], n);
      }
      rest.value[i].unpack(n);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        inner += result[v] * n[v];
        n[v] = factor * result[v];
      }
      if (some) store(dvalue + row * width + columns[i], n);
    }
    now = next;
    next = fetch(row + 2 * step);
    rest = fetch_rest(row + step);
    dot = normed_dot(now.dy, now.h, now.inverse, norm, dnorm);
    unit_sums(dot, inner, slots[turn]);
    turn ^= 1;
    float p = inner * slope;
    if (lane == 0) dbias += p;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = row < rows && columns[i] < width;
      float values[VECTOR], d[VECTOR];
#pragma unroll
      for (int v = 0; v < VECTOR; v++) d[v] = 0.f;
      if (adds && some) load_floats<VECTOR>(dx + row * width + columns[i], d);
      own[i].unpack(values);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        dasks[i][v] += p * values[v];
        d[v] += p * asks[i][v];
      }
      if (some) store(dx + row * width + columns[i], d);
    }
  }
  int part = (width + 3) / 4 * 4;
  float* left = partials + blockIdx.x * (2ll * part + 4 + 4 * ADDENDS);
  leave_sums(dnorm, left, width);
  __syncthreads();
  leave_sums(dasks, left + part, width);
  leave_number(dbias, 1.f, numbers, left + 2 * part);
#pragma unroll
  for (int a = 0; a < ADDENDS; a++)
    leave_number(dots[a], scales[a], numbers, left + 2 * part + 4 + 4 * a);
}
