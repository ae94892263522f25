// What DependentLaunchCudaTest launches, with OVERLAP 1 or 0.

extern "C" __device__ const int mixed_waits = OVERLAP;

// to[i] comes of sixteen numbers of `from` that all blocks of the kernel before have written, each
// half of the blocks some time after the other.
extern "C" __global__ void __launch_bounds__(256) mixed(
    const float* from, const float* weights, float* to, int size) {
  int i = blockIdx.x * 256 + threadIdx.x;
  if (threadIdx.x == 0) fetch_ahead(weights, 16 * sizeof(float));
  launch_dependents();
  wait_for_prerequisites();
  if (blockIdx.x % 2 == 0) __nanosleep(2000);
  if (i >= size) return;
  float sum = 0.f;
  for (int k = 0; k < 16; k++) sum += from[(i * 7 + k * 4099) % size] * weights[k];
  to[i] = sum - floorf(sum);
}

// Waits until `met` is 1, for a tenth of a second at most, and leaves in `seen` what it was.
extern "C" __global__ void early(const volatile int* met, int* seen) {
  launch_dependents();
  unsigned long long begin, now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(begin));
  do {
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  } while (*met == 0 && now - begin < 100000000);
  *seen = *met;
}

extern "C" __device__ const int late_waits = OVERLAP;

// Makes `met` 1 before it waits, as only a test may: `early` sees it if both run at once.
extern "C" __global__ void late(volatile int* met) {
  *met = 1;
  wait_for_prerequisites();
}
