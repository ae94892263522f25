// y[t] = silu(bias + sum over back of weight[TAPS - 1 - back] * x[t - back]) per channel, of inputs of t's document
// (conv_window.cu, which comes before).
//
// A thread walks VECTOR neighbouring channels down a strip of time: every input is read once (but
// for TAPS - 1 at the strip's start) and the window stays in registers. The next STEPS inputs are
// on their way while these are computed: in bursts, as loading one for each one used was 20% slower. What a strip's end
// and documents need is looked at once a burst: most are whole, and computed without a condition.
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
  int own = start + strip < time ? strip : time - start;

  x += item * x_batch + start * x_row + channel;
  y += item * y_batch + start * y_row + channel;
  if (DOCUMENTS) meets += (long long)item * time + start;
  if (PAST) past += item * past_batch;
  Window window;
  window.begin(x, x_row, start, channel, weight, bias, past, past_step, past_channel);

  Vector<Element, VECTOR> ahead[STEPS];
  int ahead_masks[STEPS];
  auto fetch = [&](int first) {
    if (first + STEPS <= own) {
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        ahead[i] = load<VECTOR>(x);
        ahead_masks[i] = DOCUMENTS ? meets[first + i] : ALL;
        x += x_row;
      }
    } else {
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        if (first + i < own) {
          ahead[i] = load<VECTOR>(x);
          ahead_masks[i] = DOCUMENTS ? meets[first + i] : ALL;
          x += x_row;
        }
      }
    }
  };
  fetch(0);
  for (int t = 0; t < own; t += STEPS) {
    Vector<Element, VECTOR> inputs[STEPS];
    int masks[STEPS], common = ALL;
#pragma unroll
    for (int i = 0; i < STEPS; i++) {
      inputs[i] = ahead[i];
      masks[i] = ahead_masks[i];
      common &= masks[i];
    }
    fetch(t + STEPS);
    float values[VECTOR];
    if (t + STEPS <= own && common == ALL) {
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        window.take<true>(inputs[i], ALL, values);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) values[v] = silu(values[v]);
        store(y, values);
        y += y_row;
      }
    } else {
#pragma unroll
      for (int i = 0; i < STEPS; i++) {
        if (t + i < own) {
          window.take<false>(inputs[i], masks[i], values);
#pragma unroll
          for (int v = 0; v < VECTOR; v++) values[v] = silu(values[v]);
          store(y, values);
          y += y_row;
        }
      }
    }
  }
}
