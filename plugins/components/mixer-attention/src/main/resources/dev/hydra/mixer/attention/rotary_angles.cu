// Cosines and sines of the angles by which tokens turn pairs of dimensions: token at position p turns
// pair i by p * exp(i * slope). In float64, as a float32 angle would be off by a thousandth of a turn
// at a hundred thousand tokens.
//
//   positions  int64 [tokens]
//   both       fp32 [2, tokens, half]: the cosines, then the sines
//
// Launch: grid (tokens * half / THREADS, rounded up).
#define THREADS 128  // RotaryAngles launches so many

extern "C" __device__ const int rotary_angles_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) rotary_angles(
    const long long* positions, float* __restrict__ both, long long tokens, int half, double slope) {
  launch_dependents();
  wait_for_prerequisites();
  long long i = blockIdx.x * (long long)THREADS + threadIdx.x;
  if (i >= tokens * half) return;
  double angle = (double)positions[i / half] * exp((double)(i % half) * slope);
  both[i] = (float)cos(angle);
  both[tokens * half + i] = (float)sin(angle);
}
