// The gradients of causal_conv.cu. What the activation saw is computed again from x, so forward
// saves nothing. With d[t] = dy[t] * silu'(what it saw):
//   dx[t] = sum over back of weight[TAPS - 1 - back] * d[t + back]
//   dweight[TAPS - 1 - back] = sum over t of d[t] * x[t - back],   dbias = sum over t of d[t]
// where pairs of different documents drop out (meets, as in forward). `past` is a constant, but counts in dweight.
//
// A thread walks down a strip as forward does, TAPS - 1 tokens beyond its end: those belong to the
// next strip, but its last inputs need their d. The sums over time stay in registers, then meet in
// shared memory (a block is THREADS / 32 strips), and a row of `partials` a block is left for
// column_sums: [gridDim.y][channels * TAPS, then channels if BIAS], dweight as [channels, TAPS].
//
// Options and grid as in causal_conv.cu. Needs sm_80 or later, as copies of vectors do.

#define THREADS 128   // FusedConv launches so many
#define RESIDENT 4    // blocks a multiprocessor, which caps registers
#define STEPS 4       // tokens that are fetched together
#define WARPS (THREADS / 32)
#define SUMS (TAPS + BIAS)

typedef Vector<Element, VECTOR> Packed;

// Fetched tokens, computed with or on their way: a ring in shared memory, which takes no registers.
// A thread reads what it has fetched itself, so there are no barriers.
constexpr int BURSTS = sizeof(Packed) > 8 ? 2 : 4;

extern "C" __device__ const int causal_conv_backward_bytes =
    BURSTS * STEPS * 2 * THREADS * sizeof(Packed);

// Starts a copy of a vector, or of zeros. Less than 4 bytes are copied at once.
__device__ __forceinline__ void copy_vector(Packed* to, const Element* from, bool some) {
  constexpr int BYTES = sizeof(Packed);
  if constexpr (BYTES < 4) {
    *to = some ? load<VECTOR>(from) : zeros<Element, VECTOR>();
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(to)),
                 "l"(from), "n"(BYTES), "r"(some ? BYTES : 0)
                 : "memory");
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) causal_conv_backward(
    const Element* __restrict__ dy, long long dy_batch, long long dy_row,
    const Element* __restrict__ x, long long x_batch, long long x_row,
    const Weight* __restrict__ weight, const Weight* __restrict__ bias,
    const unsigned char* __restrict__ meets, const Element* __restrict__ past, long long past_batch,
    long long past_step, long long past_channel, Element* __restrict__ dx, long long dx_batch,
    long long dx_row, float* __restrict__ partials, int batch, int time, int channels, int strip) {
  __shared__ float shared_sums[WARPS][SUMS * VECTOR][33];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int channel = (blockIdx.x * 32 + lane) * VECTOR;
  int strips = (time + strip - 1) / strip;
  int number = blockIdx.y * WARPS + warp;
  int item = number / strips;

  float dtaps[TAPS][VECTOR], dbias[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
    dbias[v] = 0.f;
#pragma unroll
    for (int k = 0; k < TAPS; k++) dtaps[k][v] = 0.f;
  }

  if (channel < channels && item < batch) {
    int start = (number - item * strips) * strip;
    int end = start + strip < time ? start + strip : time;
    x += item * x_batch + channel;
    dy += item * dy_batch + channel;
    dx += item * dx_batch + channel;
    if (DOCUMENTS) meets += (long long)item * time;

    float taps[TAPS][VECTOR], offset[VECTOR];
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
#pragma unroll
      for (int k = 0; k < TAPS; k++) taps[k][v] = to_float(weight[(channel + v) * TAPS + k]);
      offset[v] = BIAS ? to_float(bias[channel + v]) : 0.f;
    }

    float window[TAPS][VECTOR];  // inputs 0, 1, 2... tokens back
    float flow[TAPS][VECTOR];    // what has reached the dx of 0, 1, 2... tokens back
#pragma unroll
    for (int back = 0; back < TAPS; back++) {
      int t = start - 1 - back;
#pragma unroll
      for (int v = 0; v < VECTOR; v++) window[back][v] = flow[back][v] = 0.f;
      if (back == TAPS - 1) break;
      if (t >= 0) {
        load_floats<VECTOR>(x + t * x_row, window[back]);
      } else if (PAST) {
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
          window[back][v] = to_float(
              past[item * past_batch + (t + TAPS - 1) * past_step + (channel + v) * past_channel]);
      }
    }

    int last = end + TAPS - 1;
    Packed(*ring)[STEPS][2][THREADS] = reinterpret_cast<Packed(*)[STEPS][2][THREADS]>(SHARED);
    // Beyond the last token dy is zero, so that nothing flows back from there.
    auto fetch = [&](int burst, int first) {
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        int t = first + i;
        bool some = t < time && t < last;
        copy_vector(&ring[burst][i][0][threadIdx.x], some ? x + t * x_row : x, some);
        copy_vector(&ring[burst][i][1][threadIdx.x], some ? dy + t * dy_row : dy, some);
      }
      copies_commit();
    };
#pragma unroll
    for (int b = 0; b + 1 < BURSTS; b++) fetch(b, start + b * STEPS);

    int burst = 0;
    for (int first = start; first < last; first += STEPS) {
      fetch(burst == 0 ? BURSTS - 1 : burst - 1, first + (BURSTS - 1) * STEPS);
      copies_wait<BURSTS - 1>();
      Packed inputs[STEPS][2];
      int masks[STEPS];
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        inputs[i][0] = ring[burst][i][0][threadIdx.x];
        inputs[i][1] = ring[burst][i][1][threadIdx.x];
        masks[i] = DOCUMENTS && first + i < time ? meets[first + i] : 0;
      }
      burst = burst + 1 == BURSTS ? 0 : burst + 1;
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        int t = first + i;
        if (t < last) {
#pragma unroll
          for (int back = TAPS - 1; back > 0; back--) {
#pragma unroll
            for (int v = 0; v < VECTOR; v++) {
              window[back][v] = window[back - 1][v];
              flow[back][v] = flow[back - 1][v];
            }
          }
          float d[VECTOR];
          inputs[i][0].unpack(window[0]);
          inputs[i][1].unpack(d);
          int same = masks[i];
          float seen[VECTOR];
#pragma unroll
          for (int v = 0; v < VECTOR; v++) seen[v] = offset[v];
#pragma unroll
          for (int back = 0; back < TAPS; back++) {
            if (!DOCUMENTS || back == 0 || same >> back & 1) {
#pragma unroll
              for (int v = 0; v < VECTOR; v++) seen[v] += taps[TAPS - 1 - back][v] * window[back][v];
            }
          }
#pragma unroll
          for (int v = 0; v < VECTOR; v++) d[v] *= silu_slope(seen[v], sigmoid(seen[v]));

#pragma unroll
          for (int v = 0; v < VECTOR; v++) flow[0][v] = 0.f;
#pragma unroll
          for (int back = 0; back < TAPS; back++) {
            if (!DOCUMENTS || back == 0 || same >> back & 1) {
#pragma unroll
              for (int v = 0; v < VECTOR; v++) {
                flow[back][v] += taps[TAPS - 1 - back][v] * d[v];
                if (t < end) dtaps[TAPS - 1 - back][v] += d[v] * window[back][v];
              }
            }
          }
          if (BIAS && t < end) {
#pragma unroll
            for (int v = 0; v < VECTOR; v++) dbias[v] += d[v];
          }
          int complete = t - (TAPS - 1);
          if (complete >= start) store(dx + complete * dx_row, flow[TAPS - 1]);
        }
      }
    }
  }

#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
#pragma unroll
    for (int k = 0; k < TAPS; k++) shared_sums[warp][v * TAPS + k][lane] = dtaps[k][v];
    if (BIAS) shared_sums[warp][VECTOR * TAPS + v][lane] = dbias[v];
  }
  __syncthreads();
  partials += (long long)blockIdx.y * channels * SUMS;
  for (int i = threadIdx.x; i < 32 * VECTOR * SUMS; i += THREADS) {
    // i counts dweight [32 VECTOR channels][TAPS] first, then dbias [32 VECTOR channels]
    bool of_bias = i >= 32 * VECTOR * TAPS;
    int j = of_bias ? i - 32 * VECTOR * TAPS : i;
    int each = of_bias ? 1 : TAPS;
    int to = blockIdx.x * 32 * VECTOR * each + j;
    if (to >= channels * each) continue;
    int row = j % (VECTOR * each) + (of_bias ? VECTOR * TAPS : 0), column = j / (VECTOR * each);
    float sum = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) sum += shared_sums[w][row][column];
    partials[(of_bias ? channels * TAPS : 0) + to] = sum;
  }
}
