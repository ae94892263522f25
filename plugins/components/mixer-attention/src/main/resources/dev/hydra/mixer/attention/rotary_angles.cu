// Cosines and sines of the angles by which tokens turn pairs of dimensions: token at position p turns
// pair i by p * f * (kept + (1 - kept) * slowed), where f = exp(i * slope) is the pair's frequency, and
// kept = rise * x + offset, within 0 and 1, of x = i (by_pair) or x = f, as RopeScaling says. In float64,
// as a float32 angle would be off by a thousandth of a turn at a hundred thousand tokens.
//
//   positions  int64 [tokens]
//   both       fp32 [2, tokens, half]: the cosines times the amplitude, then the sines
//
// Launch: grid (tokens * half / THREADS, rounded up).
#define THREADS 128  // RotaryAngles launches so many

extern "C" __device__ const int rotary_angles_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) rotary_angles(
    const long long* positions, float* __restrict__ both, long long tokens, int half, double slope,
    int by_pair, double rise, double offset, double slowed, double amplitude) {
  launch_dependents();
  wait_for_prerequisites();
  long long i = blockIdx.x * (long long)THREADS + threadIdx.x;
  if (i >= tokens * half) return;
  double pair = (double)(i % half), frequency = exp(pair * slope);
  double kept = fmin(fmax((by_pair ? pair : frequency) * rise + offset, 0.), 1.);
  double angle = (double)positions[i / half] * (frequency * (kept * (1. - slowed) + slowed));
  both[i] = (float)(amplitude * cos(angle));
  both[tokens * half + i] = (float)(amplitude * sin(angle));
}
