// One token of the SSD for each row: steps from what is projected, then
//
//   h = exp(-exp(decay_log) step) h + step x B^T,   y = h C + skip x
//
// with the state h [rows, heads, head_dim, STATE] changed in place. It is kept in float32, bfloat16 or
// float16, as the host says: KEPT_BF16 or KEPT_FP16 is 1, or neither. Of a smaller type it is rounded
// once y has been computed, to nearest, ties to even.
//
// A warp takes a channel of a head at a time, its lanes the entries of the state: TOGETHER side by
// side, which are 4 bytes where that fits, and so on 32 * TOGETHER further. A block takes SPAN
// channels. Grid: (ceil(head_dim / SPAN), heads, rows). STATE is a multiple of 32.

#define THREADS 128  // FusedSsdStep launches so many
#define SPAN 16      // and divides channels by this
#define ITEMS (STATE / 32)
#define CHANNELS_OF_WARP (SPAN / (THREADS / 32))

struct fp16 {
  unsigned short bits;
};

__device__ __forceinline__ float to_float(fp16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}

__device__ __forceinline__ void from_float(float x, fp16& to) {
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
}

#if KEPT_FP16
typedef fp16 Kept;
#else
typedef Choose<KEPT_BF16>::type Kept;
#endif
#define TOGETHER (sizeof(Kept) == 2 && ITEMS % 2 == 0 ? 2 : 1)

// The entry of the state that is a lane's item.
__device__ __forceinline__ int entry(int item, int lane) {
  return (item / TOGETHER * 32 + lane) * TOGETHER + item % TOGETHER;
}

extern "C" __device__ const int ssd_step_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) ssd_step(
    const Element* x, long long x_row, const Element* b, long long b_row, const Element* c,
    long long c_row, const Input* dt, long long dt_row, const float* decay_log, const float* bias,
    const float* skip, Kept* state, Element* __restrict__ y, int heads, int head_dim,
    int heads_of_group, float low, float high) {
  int head = blockIdx.y;
  long long row = blockIdx.z;
  int lane = threadIdx.x % 32;
  int first = blockIdx.x * SPAN + threadIdx.x / 32 * CHANNELS_OF_WARP;
  long long own = (row * heads + head) * head_dim;  // the first channel of the head
  if (threadIdx.x == 0) {
    int begin = blockIdx.x * SPAN, some = head_dim - begin < SPAN ? head_dim - begin : SPAN;
    fetch_ahead(state + (own + begin) * STATE, some * STATE * sizeof(Kept));
    fetch_ahead(decay_log + head, sizeof(float));
    fetch_ahead(bias + head, sizeof(float));
    fetch_ahead(skip + head, sizeof(float));
  }
  launch_dependents();
  wait_for_prerequisites();

  // All that is read is on its way before any of it is used.
  long long group = (long long)(head / heads_of_group) * STATE;
  float b_of[ITEMS], c_of[ITEMS];
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    b_of[i] = to_float(b[row * b_row + group + entry(i, lane)]);
    c_of[i] = to_float(c[row * c_row + group + entry(i, lane)]);
  }
  float value[CHANNELS_OF_WARP];
  Vector<Kept, TOGETHER> h[CHANNELS_OF_WARP][ITEMS / TOGETHER];
#pragma unroll
  for (int k = 0; k < CHANNELS_OF_WARP; k++) {
    int channel = first + k < head_dim ? first + k : head_dim - 1;
    value[k] = to_float(x[row * x_row + (long long)head * head_dim + channel]);
#pragma unroll
    for (int i = 0; i < ITEMS; i += TOGETHER)
      h[k][i / TOGETHER] = load<TOGETHER>(state + (own + channel) * STATE + entry(i, lane));
  }
  float before = to_float(dt[row * dt_row + head]) + bias[head];
  float rate = decay_log[head], skipped = skip[head];
  __syncwarp();  // else the compiler puts loads off until they are used

  float step = before > 20.f ? before : log1pf(expf(before));
  step = fminf(fmaxf(step, low), high);
  float decay = expf(-expf(rate) * step);
#pragma unroll
  for (int k = 0; k < CHANNELS_OF_WARP; k++) {
    long long at = own + first + k;
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i += TOGETHER) {
      float now[TOGETHER];
      h[k][i / TOGETHER].unpack(now);
#pragma unroll
      for (int j = 0; j < TOGETHER; j++) {
        now[j] = now[j] * decay + step * value[k] * b_of[i + j];
        sum += now[j] * c_of[i + j];
      }
      if (first + k < head_dim) store(state + at * STATE + entry(i, lane), now);
    }
    sum = sum_lanes(sum);
    if (lane == 0 && first + k < head_dim) from_float(sum + skipped * value[k], y[at]);
  }
}
