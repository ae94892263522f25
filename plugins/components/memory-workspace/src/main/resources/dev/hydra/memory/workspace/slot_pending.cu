// Puts the newest token of each text among those of its chunk:
//
//   pending[text, positions[text] modulo CHUNK] = x[text]
//
// Compile-time options (-D): CHUNK, ELEMENT_BF16.
//
// A thread takes a channel. Launch: grid (width / THREADS, rounded up, texts).
//
//   x          [texts, width], stride x_row, 1
//   positions  int64 [texts]: the tokens of each before the newest
//   pending    [texts, CHUNK, width]
typedef long long Long;

#define THREADS 256  // FusedSlotStep launches so many

extern "C" __device__ const int slot_pending_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) slot_pending(
    const Element* x, Long x_row, const Long* positions, Element* __restrict__ pending,
    int width) {
  launch_dependents();
  wait_for_prerequisites();
  int channel = blockIdx.x * THREADS + threadIdx.x;
  if (channel >= width) return;
  Long token = positions[blockIdx.y] % CHUNK;
  if (token < 0) token += CHUNK;  // a row that is idle
  pending[(blockIdx.y * (Long)CHUNK + token) * width + channel] = x[blockIdx.y * x_row + channel];
}
