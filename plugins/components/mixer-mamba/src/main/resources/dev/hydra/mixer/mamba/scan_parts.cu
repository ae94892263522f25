// The selective scan: per channel d and state n
//   h[t] = exp(dt[t] a[n]) h[t - 1] + dt[t] x[t] b[t][n],   y[t] = sum over n of c[t][n] h[t][n]
// where nothing is left of h[t - 1] at the first token of a document (but the first of all).
//
// A thread holds EACH states of one channel in registers and walks all of time, CHUNK tokens after
// another; PARTS neighbouring threads share a channel. What all channels share (b, c, whether a
// document goes on) goes through shared memory, in two sets that take turns: one barrier a chunk.
// The next chunk's inputs are on their way while this one is computed. Tokens beyond the last are
// zeros, which leave a state as it is.
//
// Options: STATE (4, 8, 16 or 32), DOCUMENTS 0/1, ELEMENT_BF16 (x, b, c, y and their gradients).
// Grid: (ceil(channels / CHANNELS), batch).

#define THREADS 64  // FusedScan launches so many
#define CHUNK 16    // and counts on so many
#define EACH 4
#define PARTS (STATE / EACH)
#define CHANNELS (THREADS / PARTS)
#define TILE (CHUNK * STATE)

// What the channels share of a chunk, on its way to shared memory.
struct Shared {
  float b[TILE / THREADS], c[TILE / THREADS], goes_on;
};

struct Tiles {
  float b[2][CHUNK][STATE], c[2][CHUNK][STATE], goes_on[2][CHUNK];
};

__device__ __forceinline__ Shared fetch_shared(
    const Element* b, long long b_time, const Element* c, long long c_time,
    const long long* documents, int first, int time) {
  Shared fetched;
#pragma unroll
  for (int i = 0; i < TILE / THREADS; i++) {
    int t = first + (i * THREADS + threadIdx.x) / STATE, n = threadIdx.x % STATE;
    bool inside = t >= 0 && t < time;
    fetched.b[i] = inside ? to_float(b[t * b_time + n]) : 0.f;
    fetched.c[i] = inside ? to_float(c[t * c_time + n]) : 0.f;
  }
  int t = first + threadIdx.x;
  bool ends = DOCUMENTS && threadIdx.x < CHUNK && t > 0 && t < time && documents[t] != documents[t - 1];
  fetched.goes_on = ends ? 0.f : 1.f;
  return fetched;
}

__device__ __forceinline__ void put_shared(Tiles& tiles, int turn, const Shared& fetched) {
#pragma unroll
  for (int i = 0; i < TILE / THREADS; i++) {
    int t = (i * THREADS + threadIdx.x) / STATE, n = threadIdx.x % STATE;
    tiles.b[turn][t][n] = fetched.b[i];
    tiles.c[turn][t][n] = fetched.c[i];
  }
  if (threadIdx.x < CHUNK) tiles.goes_on[turn][threadIdx.x] = fetched.goes_on;
}

// CHUNK values of one channel from token `first` on.
template <class T>
__device__ __forceinline__ void fetch_channel(
    const T* from, long long step, int first, int time, bool active, float (&to)[CHUNK]) {
#pragma unroll
  for (int i = 0; i < CHUNK; i++) {
    int t = first + i;
    to[i] = active && t >= 0 && t < time ? to_float(from[t * step]) : 0.f;
  }
}

// The sum over the threads that share a channel.
__device__ __forceinline__ float over_parts(float value) {
#pragma unroll
  for (int mask = PARTS / 2; mask > 0; mask /= 2) value += exchange(value, mask);
  return value;
}
