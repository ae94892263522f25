// The norm of queries or keys per head and their rotary positions in one pass:
//   n = x / rms(x),  y = turned(n * weight)
// with pairs in the half layout as in rotation.cu, dimensions beyond them normalised only. Kept for
// backward: 1 / rms, one a head of a token. With d = dy turned back:
//   dx = (d * weight - n * mean(d * weight * n)) / rms(x),  dweight = sum over rows of d * n
// A block leaves its sum over its rows in partials[blockIdx.x][ITEMS * LANES * VECTOR] (null if there
// is no weight to learn), in the order of what threads hold: all first of pairs, then all others;
// column_sums adds them up.
//
// A unit is one head of one token, a row: LANES threads hold PIECES pairs of vectors each, of which
// beyond the pairs only the second counts. A block takes rows gridDim.x * UNITS apart; the weights
// stay in registers.
//
// Options: VECTOR, LANES (a power of two up to 32), ITEMS (2 * PIECES, LANES * PIECES * VECTOR >= dims -
// half), THREADS (a multiple of 32 and of LANES), RESIDENT (blocks a multiprocessor, which caps
// registers), INPUT_BF16 (type of x), ELEMENT_BF16 (type of y), WEIGHT_BF16. half, the dimensions
// beyond, strides and addresses must be multiples of VECTOR. Cosines and sines are float32
// [1 or batch, time, half]; x is [batch, time, heads, dims] with strides, likewise dy and dx.
// Grid: any number of blocks up to ceil(rows / UNITS).

constexpr int PIECES = ITEMS / 2;

// Where a row is.
struct Place {
  long long item;
  int time, head;

  __device__ __forceinline__ Place(long long row, int times, int heads) {
    long long token = row / heads;
    head = (int)(row - token * heads);
    item = token / times;
    time = (int)(token - item * times);
  }

  template <class T>
  __device__ __forceinline__ T* of(T* x, long long batch, long long each_time, long long each_head) const {
    return x + item * batch + time * each_time + head * each_head;
  }
};

// What a thread holds of a row, or of the weights: the first and the second of pairs.
struct Held {
  float at[ITEMS][VECTOR];

  __device__ __forceinline__ float (&first(int i))[VECTOR] { return at[i]; }
  __device__ __forceinline__ float (&second(int i))[VECTOR] { return at[PIECES + i]; }

  // Zeros where there is nothing.
  template <class T>
  __device__ __forceinline__ void load(const T* row, bool some, int lane, int dims, int half) {
#pragma unroll
    for (int i = 0; i < PIECES; i++) {
      int column = (i * LANES + lane) * VECTOR;
      bool held = some && column < dims - half;
      (held && column < half ? ::load<VECTOR>(row + column) : zeros<T, VECTOR>()).unpack(first(i));
      (held ? ::load<VECTOR>(row + half + column) : zeros<T, VECTOR>()).unpack(second(i));
    }
  }

  template <class T>
  __device__ __forceinline__ void leave(T* row, int lane, int dims, int half) {
#pragma unroll
    for (int i = 0; i < PIECES; i++) {
      int column = (i * LANES + lane) * VECTOR;
      if (column < half) store(row + column, first(i));
      if (column < dims - half) store(row + half + column, second(i));
    }
  }

  // Turns pairs by angles, times sign.
  __device__ __forceinline__ void turn(
      const float* cosines, const float* sines, bool some, float sign, int lane, int half) {
#pragma unroll
    for (int i = 0; i < PIECES; i++) {
      int column = (i * LANES + lane) * VECTOR;
      if (some && column < half) {
        float cosine[VECTOR], sine[VECTOR];
        load_floats<VECTOR>(cosines + column, cosine);
        load_floats<VECTOR>(sines + column, sine);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) {
          float one = first(i)[v], other = second(i)[v];
          first(i)[v] = one * cosine[v] - sign * other * sine[v];
          second(i)[v] = other * cosine[v] + sign * one * sine[v];
        }
      }
    }
  }
};

extern "C" __device__ const int normed_rotation_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) normed_rotation_forward(
    const Input* x, long long x_batch, long long x_time, long long x_head, const Weight* weight,
    float epsilon, const float* cosines, const float* sines, long long angles_batch,
    Element* __restrict__ y, float* __restrict__ rstd, long long rows, int time, int heads,
    int dims, int half) {
  launch_dependents();
  wait_for_prerequisites();
  int lane = threadIdx.x % LANES;
  Held scale;
  scale.load(weight, true, lane, dims, half);
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += (long long)gridDim.x * UNITS) {
    bool some = row < rows;
    Place at(some ? row : 0, time, heads);
    Held values;
    values.load(at.of(x, x_batch, x_time, x_head), some, lane, dims, half);
    float squares = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) squares += values.at[i][v] * values.at[i][v];
    }
    float inverse = rsqrtf(unit_sum(squares, nullptr) / dims + epsilon);
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) values.at[i][v] *= inverse * scale.at[i][v];
    }
    long long angle = at.item * angles_batch + (long long)at.time * half;
    values.turn(cosines + angle, sines + angle, some, 1.f, lane, half);
    if (some) {
      values.leave(y + row * dims, lane, dims, half);
      if (lane == 0) rstd[row] = inverse;
    }
    row += (long long)gridDim.x * UNITS;
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) normed_rotation_backward(
    const Element* __restrict__ dy, long long dy_batch, long long dy_time, long long dy_head,
    const Input* __restrict__ x, long long x_batch, long long x_time, long long x_head,
    const float* __restrict__ rstd, const Weight* __restrict__ weight,
    const float* __restrict__ cosines, const float* __restrict__ sines, long long angles_batch,
    Input* __restrict__ dx, long long dx_batch, long long dx_time, long long dx_head,
    float* __restrict__ partials, long long rows, int time, int heads, int dims, int half) {
  int lane = threadIdx.x % LANES;
  Held scale, sums = {};
  scale.load(weight, true, lane, dims, half);
  long long row = (long long)blockIdx.x * UNITS + threadIdx.x / LANES;
  for (long long first = (long long)blockIdx.x * UNITS; first < rows; first += (long long)gridDim.x * UNITS) {
    bool some = row < rows;
    Place at(some ? row : 0, time, heads);
    Held gradient, values;
    gradient.load(at.of(dy, dy_batch, dy_time, dy_head), some, lane, dims, half);
    values.load(at.of(x, x_batch, x_time, x_head), some, lane, dims, half);
    float inverse = some ? rstd[row] : 0.f;
    long long angle = at.item * angles_batch + (long long)at.time * half;
    gradient.turn(cosines + angle, sines + angle, some, -1.f, lane, half);
    float dot = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        values.at[i][v] *= inverse;
        float product = gradient.at[i][v] * values.at[i][v];
        sums.at[i][v] += product;
        dot += product * scale.at[i][v];
      }
    }
    float mean = unit_sum(dot, nullptr) / dims;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++)
        gradient.at[i][v] = inverse * (gradient.at[i][v] * scale.at[i][v] - values.at[i][v] * mean);
    }
    if (some) gradient.leave(at.of(dx, dx_batch, dx_time, dx_head), lane, dims, half);
    row += (long long)gridDim.x * UNITS;
  }
  constexpr int ALL = ITEMS * LANES * VECTOR;
  if (partials) leave_sums(sums.at, partials + (long long)blockIdx.x * ALL, ALL);
}
