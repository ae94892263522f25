// sum = stream + scale * gate * y, where gate is one number on the device, and its gradients:
//   dy = scale * gate * dsum,   dgate = scale * the sum over all elements of dsum * y
// (that of the stream is dsum itself). Backward leaves a row of `partials` a block for column_sums.
//
// Options: VECTOR, STREAM_BF16 (stream, sum, dsum), ELEMENT_BF16 (y, dy). All contiguous; `vectors`
// of VECTOR elements. Grid: forward ceil(vectors / THREADS), backward any number of blocks.

#define THREADS 256  // FusedGatedSum launches so many

extern "C" __device__ const int gated_sum_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) gated_sum_forward(
    const Stream* stream, const Element* y, const float* gate, float scale,
    Stream* __restrict__ sum, long long vectors) {
  launch_dependents();
  wait_for_prerequisites();
  long long i = blockIdx.x * (long long)THREADS + threadIdx.x;
  if (i >= vectors) return;
  float factor = scale * *gate, s[VECTOR], v[VECTOR];
  load_floats<VECTOR>(stream + i * VECTOR, s);
  load_floats<VECTOR>(y + i * VECTOR, v);
#pragma unroll
  for (int j = 0; j < VECTOR; j++) s[j] += factor * v[j];
  store(sum + i * VECTOR, s);
}

extern "C" __global__ void __launch_bounds__(THREADS) gated_sum_backward(
    const Stream* __restrict__ dsum, const Element* __restrict__ y, const float* __restrict__ gate,
    float scale, Element* __restrict__ dy, float* __restrict__ partials, long long vectors) {
  __shared__ float slots[THREADS / 32];
  float factor = scale * *gate, total = 0.f;
  for (long long i = blockIdx.x * (long long)THREADS + threadIdx.x; i < vectors;
       i += gridDim.x * (long long)THREADS) {
    float d[VECTOR], v[VECTOR];
    load_floats<VECTOR>(dsum + i * VECTOR, d);
    load_floats<VECTOR>(y + i * VECTOR, v);
#pragma unroll
    for (int j = 0; j < VECTOR; j++) {
      total += d[j] * v[j];
      v[j] = factor * d[j];
    }
    store(dy + i * VECTOR, v);
  }
  total = sum_lanes(total);
  if (threadIdx.x % 32 == 0) slots[threadIdx.x / 32] = total;
  __syncthreads();
  if (threadIdx.x == 0) {
    float all = 0.f;
#pragma unroll
    for (int w = 0; w < THREADS / 32; w++) all += slots[w];
    partials[blockIdx.x] = scale * all;
  }
}
