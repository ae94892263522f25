// One token of the SSD for each row: steps from what is projected, then
//
//   h = exp(-exp(decay_log) step) h + step x B^T,   y = h C + skip x
//
// with the state h [rows, heads, head_dim, STATE] in float32 changed in place.
//
// A warp takes a channel of a head at a time, its lanes the entries of the state, 32 apart. A block
// takes SPAN channels. Grid: (ceil(head_dim / SPAN), heads, rows). STATE is a multiple of 32.

#define THREADS 128  // FusedSsdStep launches so many
#define SPAN 16      // and divides channels by this
#define ITEMS (STATE / 32)
#define CHANNELS_OF_WARP (SPAN / (THREADS / 32))

extern "C" __global__ void __launch_bounds__(THREADS) ssd_step(
    const Element* __restrict__ x, long long x_row, const Element* __restrict__ b, long long b_row,
    const Element* __restrict__ c, long long c_row, const Input* __restrict__ dt, long long dt_row,
    const float* __restrict__ decay_log, const float* __restrict__ bias,
    const float* __restrict__ skip, float* __restrict__ state, Element* __restrict__ y, int heads,
    int head_dim, int heads_of_group, float low, float high) {
  int head = blockIdx.y;
  long long row = blockIdx.z;
  int lane = threadIdx.x % 32;
  int first = blockIdx.x * SPAN + threadIdx.x / 32 * CHANNELS_OF_WARP;

  float before = to_float(dt[row * dt_row + head]) + bias[head];
  float step = before > 20.f ? before : log1pf(expf(before));
  step = fminf(fmaxf(step, low), high);
  float decay = expf(-expf(decay_log[head]) * step);

  long long group = (long long)(head / heads_of_group) * STATE;
  float b_of[ITEMS], c_of[ITEMS];
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    b_of[i] = to_float(b[row * b_row + group + i * 32 + lane]);
    c_of[i] = to_float(c[row * c_row + group + i * 32 + lane]);
  }
#pragma unroll
  for (int k = 0; k < CHANNELS_OF_WARP; k++) {
    int channel = first + k;
    if (channel < head_dim) {
      float value = to_float(x[row * x_row + (long long)head * head_dim + channel]);
      long long at = (row * heads + head) * head_dim + channel;
      float* h = state + at * STATE + lane;
      float sum = 0.f;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        float now = h[i * 32] * decay + step * value * b_of[i];
        h[i * 32] = now;
        sum += now * c_of[i];
      }
#pragma unroll
      for (int mask = 16; mask > 0; mask /= 2) sum += exchange(sum, mask);
      if (lane == 0) from_float(sum + skip[head] * value, y[at]);
    }
  }
}
