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
// Two bursts of STEPS tokens are in shared memory, which takes no registers: one computed with, one on its way. A thread
// reads what it has fetched itself, so there are no barriers. As in forward, most bursts are whole.
//
// Options and grid as in causal_conv.cu. Needs sm_80 or later, as copies of vectors do.

#define THREADS 128   // FusedConv launches so many
#define RESIDENT 4    // blocks a multiprocessor, which caps registers
#define STEPS 4       // tokens that are fetched together, at least TAPS - 1
#define WARPS (THREADS / 32)
#define SUMS (TAPS + BIAS)

typedef Vector<Element, VECTOR> Packed;

// x and dy of a token.
struct Token {
  Packed at[2][THREADS];
};

extern "C" __device__ const int causal_conv_backward_bytes = 2 * STEPS * sizeof(Token);

// Starts a copy of a vector. Less than 4 bytes are copied at once.
__device__ __forceinline__ void copy_vector(Packed* to, const Element* from) {
  constexpr int BYTES = sizeof(Packed);
  if constexpr (BYTES < 4) {
    *to = load<VECTOR>(from);
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared_address(to)), "l"(from), "n"(BYTES)
                 : "memory");
  }
}

struct Walk {
  Window window;
  float flow[TAPS][VECTOR];  // what has reached the dx of 0, 1, 2... tokens back
  float dtaps[TAPS][VECTOR], dbias[VECTOR];

  // Takes a token in. WHOLE: its mask is ALL, and it is of this strip, so that it counts in the sums.
  template <bool WHOLE>
  __device__ __forceinline__ void take(const Packed& x, const Packed& dy, int mask, bool own) {
    float d[VECTOR], seen[VECTOR];
    dy.unpack(d);
    window.take<WHOLE>(x, mask, seen);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
      d[v] *= silu_slope(seen[v], sigmoid(seen[v]));
#pragma unroll
      for (int back = TAPS - 1; back > 0; back--) flow[back][v] = flow[back - 1][v];
      flow[0][v] = 0.f;
    }
#pragma unroll
    for (int back = 0; back < TAPS; back++) {
      if (WHOLE || mask >> back & 1) {
#pragma unroll
        for (int v = 0; v < VECTOR; v++) {
          flow[back][v] += window.taps[TAPS - 1 - back][v] * d[v];
          if (WHOLE || own) dtaps[TAPS - 1 - back][v] += d[v] * window.inputs[back][v];
        }
      }
    }
    if (BIAS && (WHOLE || own)) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) dbias[v] += d[v];
    }
  }
};

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

  Walk walk;
#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
    walk.dbias[v] = 0.f;
#pragma unroll
    for (int k = 0; k < TAPS; k++) walk.dtaps[k][v] = walk.flow[k][v] = 0.f;
  }

  if (channel < channels && item < batch) {
    int start = (number - item * strips) * strip;
    int own = start + strip < time ? strip : time - start;
    int last = own + TAPS - 1;                            // tokens of the walk
    int there = time - start < last ? time - start : last;  // those of them that the sequence has
    x += item * x_batch + start * x_row + channel;
    dy += item * dy_batch + start * dy_row + channel;
    dx += item * dx_batch + (start - (TAPS - 1)) * dx_row + channel;
    if (DOCUMENTS) meets += (long long)item * time + start;
    if (PAST) past += item * past_batch;
    walk.window.begin(x, x_row, start, channel, weight, bias, past, past_step, past_channel);

    Token* ring = reinterpret_cast<Token*>(SHARED);
    // What is beyond the sequence's end is not written, and never read.
    auto fetch = [&](Token* to, int first) {
      if (first + STEPS <= there) {
#pragma unroll
        for (int i = 0; i < STEPS; i++) {
          copy_vector(&to[i].at[0][threadIdx.x], x);
          copy_vector(&to[i].at[1][threadIdx.x], dy);
          x += x_row;
          dy += dy_row;
        }
      } else {
#pragma unroll 1
        for (int i = 0; first + i < there; i++) {
          copy_vector(&to[i].at[0][threadIdx.x], x);
          copy_vector(&to[i].at[1][threadIdx.x], dy);
          x += x_row;
          dy += dy_row;
        }
      }
      copies_commit();
    };
    fetch(ring, 0);
    int at = 0;
    for (int t = 0; t < last; t += STEPS) {
      const Token* now = ring + at;
      at ^= STEPS;
      fetch(ring + at, t + STEPS);
      copies_wait<1>();
      bool whole = t > 0 && t + STEPS <= own;  // the first tokens complete dx of the strip before
      if (DOCUMENTS && whole) {
        int common = ALL;
#pragma unroll
        for (int i = 0; i < STEPS; i++) common &= meets[t + i];
        whole = common == ALL;
      }
      if (whole) {
#pragma unroll
        for (int i = 0; i < STEPS; i++) {
          walk.take<true>(now[i].at[0][threadIdx.x], now[i].at[1][threadIdx.x], ALL, true);
          store(dx, walk.flow[TAPS - 1]);
          dx += dx_row;
        }
      } else {
#pragma unroll 1
        for (int i = 0; i < STEPS; i++) {
          // Beyond the last token dy is zero, so that nothing flows back from there.
          Packed input = zeros<Element, VECTOR>(), gradient = input;
          int mask = ALL;
          if (t + i < there) {
            input = now[i].at[0][threadIdx.x];
            gradient = now[i].at[1][threadIdx.x];
            if (DOCUMENTS) mask = meets[t + i];
          }
          walk.take<false>(input, gradient, mask, t + i < own);
          if (t + i >= TAPS - 1 && t + i < last) store(dx, walk.flow[TAPS - 1]);
          dx += dx_row;
        }
      }
    }
  }

#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
#pragma unroll
    for (int k = 0; k < TAPS; k++) shared_sums[warp][v * TAPS + k][lane] = walk.dtaps[k][v];
    if (BIAS) shared_sums[warp][VECTOR * TAPS + v][lane] = walk.dbias[v];
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
