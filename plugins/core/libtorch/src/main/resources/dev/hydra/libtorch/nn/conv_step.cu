// The causal convolution of one more token of each row, and SiLU. The inputs before it,
// [rows, channels, TAPS - 1], are moved on by one token in place.
//
// A thread takes a channel of a row. Grid: (ceil(channels / THREADS), rows).

#define THREADS 128  // FusedConvStep launches so many

extern "C" __device__ const int conv_step_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) conv_step(
    const Element* x, long long x_row, const Weight* weight, const Weight* bias,
    Element* past, Element* __restrict__ y, int channels) {
  int channel = blockIdx.x * THREADS + threadIdx.x;
  if (threadIdx.x == 0) {
    int some = channels - channel < THREADS ? channels - channel : THREADS;
    fetch_ahead(weight + channel * TAPS, some * TAPS * sizeof(Weight));
    if (BIAS) fetch_ahead(bias + channel, some * sizeof(Weight));
    long long own = ((long long)blockIdx.y * channels + channel) * (TAPS - 1);
    fetch_ahead(past + own, some * (TAPS - 1) * sizeof(Element));
  }
  launch_dependents();
  wait_for_prerequisites();
  if (channel >= channels) return;
  long long at = (long long)blockIdx.y * channels + channel;
  Element* own = past + at * (TAPS - 1);
  Element newest = x[blockIdx.y * x_row + channel];
  float sum = BIAS ? to_float(bias[channel]) : 0.f;
  Element before[TAPS - 1];
#pragma unroll
  for (int i = 0; i < TAPS - 1; i++) before[i] = own[i];
#pragma unroll
  for (int i = 0; i < TAPS - 1; i++)
    sum += to_float(before[i]) * to_float(weight[channel * TAPS + i]);
  sum += to_float(newest) * to_float(weight[channel * TAPS + TAPS - 1]);
#pragma unroll
  for (int i = 0; i < TAPS - 2; i++) own[i] = before[i + 1];
  own[TAPS - 2] = newest;
  from_float(silu(sum), y[at]);
}
