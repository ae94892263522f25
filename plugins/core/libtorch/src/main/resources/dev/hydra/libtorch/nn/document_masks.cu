// Which earlier tokens the causal convolution may see, for all its layers and both directions: bit
// `back` of meets[t] is set if token t - back is of the same document as t, or lies before the first
// token (the past belongs to whatever comes first). Documents are compared by number, as they lie.
//
// Grid: ceil(batch * time / 256), block 256.

extern "C" __global__ void __launch_bounds__(256) document_masks(
    const long long* __restrict__ documents, unsigned char* __restrict__ meets, int batch, int time) {
  long long i = blockIdx.x * 256LL + threadIdx.x;
  if (i >= (long long)batch * time) return;
  int t = (int)(i % time), bits = 1;
#pragma unroll
  for (int back = 1; back < 4; back++)
    if (t < back || documents[i - back] == documents[i]) bits |= 1 << back;
  meets[i] = (unsigned char)bits;
}
