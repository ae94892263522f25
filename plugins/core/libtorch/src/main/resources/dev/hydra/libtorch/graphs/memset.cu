// What a memset of elements of 1, 2 or 4 bytes writes, by one block: each byte of the value again
// and again, the lowest first.
extern "C" __global__ void set_elements(unsigned char* to, unsigned value, int element, int bytes) {
  for (int i = threadIdx.x; i < bytes; i += blockDim.x) to[i] = value >> 8 * (i % element);
}
