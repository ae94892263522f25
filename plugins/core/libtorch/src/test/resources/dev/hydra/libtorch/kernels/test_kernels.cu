// What KernelCudaTest launches.
extern __shared__ float shared_memory[];

extern "C" __device__ const int scaled_sums_bytes = 64 * 1024;

// sums[row] = FACTOR * scale * the sum of a row; through the far end of shared memory.
extern "C" __global__ void scaled_sums(
    const float* rows, long long stride, float* sums, long long width, float scale) {
  if (threadIdx.x != 0) return;
  float* sum = shared_memory + 16 * 1024 - 1;
  *sum = 0.0f;
  for (long long i = 0; i < width; i++) *sum += rows[blockIdx.x * stride + i];
  sums[blockIdx.x] = FACTOR * scale * *sum;
}

extern "C" __device__ const int greedy_bytes = 1 << 20;

extern "C" __global__ void greedy(float* x) { x[0] = 0.0f; }

extern "C" __device__ const int filled_bytes = 48 * 1024;

// As much shared memory as a kernel has without asking, and a little more in a variable.
extern "C" __global__ void filled(float* x) {
  __shared__ float own;
  own = 2.0f;
  shared_memory[12 * 1024 - 1] = 3.0f;
  x[0] = own * shared_memory[12 * 1024 - 1];
}
