// What `hydra doctor` compiles and runs: two times each number.
extern "C" __global__ void trial(const float* numbers, float* twice, long long count) {
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) twice[i] = 2.0f * numbers[i];
}
