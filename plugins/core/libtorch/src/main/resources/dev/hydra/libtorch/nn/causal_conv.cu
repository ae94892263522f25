// y[t] = silu(bias + sum over back of weight[TAPS - 1 - back] * x[t - back]) per channel. Inputs of
// another document than t's do not count: bit `back` of meets[t], see document_masks.cu. Inputs before
// the first token come from `past`, which the documents do not cut (zeros without it).
//
// A thread walks VECTOR neighbouring channels down a strip of time: every input is read once (but
// for TAPS - 1 at the strip's start) and the window stays in registers. The next STEPS inputs are
// on their way while these are computed: in bursts, as loading one for each one used was 20% slower.
//
// Options: TAPS 2..4, VECTOR (at most 4), BIAS, DOCUMENTS, PAST. A warp covers 32 * VECTOR channels,
// a block THREADS / 32 strips one after another.
// Grid: (ceil(channels / (32 VECTOR)), ceil(batch * ceil(time / strip) / (THREADS / 32))).

#define THREADS 128  // FusedConv launches so many
#define RESIDENT 6   // blocks a multiprocessor, which caps registers
#define STEPS 4      // inputs in flight
#define WARPS (THREADS / 32)

extern "C" __device__ const int causal_conv_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) causal_conv_forward(
    const Element* x, long long x_batch, long long x_row, const Weight* weight, const Weight* bias,
    const unsigned char* meets, const Element* past, long long past_batch, long long past_step,
    long long past_channel, Element* __restrict__ y, long long y_batch, long long y_row, int batch,
    int time, int channels, int strip) {
  wait_for_prerequisites();
  int channel = (blockIdx.x * 32 + threadIdx.x % 32) * VECTOR;
  int strips = (time + strip - 1) / strip;
  int number = blockIdx.y * WARPS + threadIdx.x / 32;
  int item = number / strips;
  if (channel >= channels || item >= batch) return;
  int start = (number - item * strips) * strip;
  int end = start + strip < time ? start + strip : time;

  x += item * x_batch + channel;
  y += item * y_batch + channel;
  if (DOCUMENTS) meets += (long long)item * time;

  float taps[TAPS][VECTOR], offset[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
#pragma unroll
    for (int k = 0; k < TAPS; k++) taps[k][v] = to_float(weight[(channel + v) * TAPS + k]);
    offset[v] = BIAS ? to_float(bias[channel + v]) : 0.f;
  }

  float window[TAPS - 1][VECTOR];  // inputs 1, 2... tokens back
#pragma unroll
  for (int back = 1; back < TAPS; back++) {
    int t = start - back;
#pragma unroll
    for (int v = 0; v < VECTOR; v++) window[back - 1][v] = 0.f;
    if (t >= 0) {
      load_floats<VECTOR>(x + t * x_row, window[back - 1]);
    } else if (PAST) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++)
        window[back - 1][v] = to_float(
            past[item * past_batch + (t + TAPS - 1) * past_step + (channel + v) * past_channel]);
    }
  }

  Vector<Element, VECTOR> ahead[STEPS];
  int ahead_meets[STEPS];
#pragma unroll
  for (int i = 0; i < STEPS; i++) {
    int t = start + i < end ? start + i : end - 1;
    ahead[i] = load<VECTOR>(x + t * x_row);
    ahead_meets[i] = DOCUMENTS ? meets[t] : 0;
  }

  for (int first = start; first < end; first += STEPS) {
    Vector<Element, VECTOR> inputs[STEPS];
    int input_meets[STEPS];
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      inputs[i] = ahead[i];
      input_meets[i] = ahead_meets[i];
      int t = first + STEPS + i;
      if (t < end) {
        ahead[i] = load<VECTOR>(x + t * x_row);
        if (DOCUMENTS) ahead_meets[i] = meets[t];
      }
    }
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      int t = first + i;
      if (t < end) {
        float now[VECTOR], sum[VECTOR];
        inputs[i].unpack(now);
        int same = input_meets[i];
#pragma unroll
        for (int v = 0; v < VECTOR; v++) sum[v] = offset[v] + taps[TAPS - 1][v] * now[v];
#pragma unroll
        for (int back = 1; back < TAPS; back++) {
          if (!DOCUMENTS || same >> back & 1) {
#pragma unroll
            for (int v = 0; v < VECTOR; v++) sum[v] += taps[TAPS - 1 - back][v] * window[back - 1][v];
          }
        }
#pragma unroll
        for (int v = 0; v < VECTOR; v++) sum[v] = silu(sum[v]);
        store(y + t * y_row, sum);
#pragma unroll
        for (int back = TAPS - 1; back > 0; back--) {
#pragma unroll
          for (int v = 0; v < VECTOR; v++)
            window[back - 1][v] = back > 1 ? window[back > 1 ? back - 2 : 0][v] : now[v];
        }
      }
    }
  }
}
