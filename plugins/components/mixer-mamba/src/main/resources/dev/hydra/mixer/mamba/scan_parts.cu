// The selective scan: per channel d and state n
//   step[t] = softplus(dt[t] + bias)
//   h[t] = exp(step[t] a[n]) h[t - 1] + step[t] x[t] b[t][n]
//   y[t] = sum over n of c[t][n] h[t][n] + skip x[t]
// where nothing is left of h[t - 1] at the first token of a document (but the first of all).
//
// A launch is for SLICE states, from `first_state` on; those beyond the last are zeros. A thread holds
// EACH of them for one channel in registers and walks over time, PARTS neighbouring threads share a
// channel. Time goes through shared memory tile by tile, the next tile's inputs on their way while
// this one is computed. Tokens beyond the last have steps of zero, which leave a state as it is.
//
// Time is one span, or as many as fill the device where channels are few. Spans are computed at the
// same time, each from the state that scan_carry found for its begin (scan_ends.cu).
//
// Options: ELEMENT_BF16 (x, dt, b, c, y and their gradients), SLICED 0/1 (more states than a launch is for).
// Grid: (ceil(channels / CHANNELS), batch, spans).

#define THREADS 128  // FusedScan launches so many,
#define SLICE 16     // and counts on these,
#define TOKENS 32    // the tokens of a tile,
#define CHANNELS 32  // the channels of a block
#define CHUNK 8      // tokens whose states are in registers at the same time
#define EACH 4
#define PARTS (SLICE / EACH)
#define WARPS (THREADS / 32)
#define FETCHED (TOKENS / WARPS)  // tokens of a channel that a thread fetches
#define ROWS (THREADS / SLICE)
#define SELECTED (TOKENS / ROWS)  // tokens of a state that it fetches
#define NO_TOKENS -(1 << 30)
#define NOTHING_LEFT -1e30f  // its power of two is 0
#define PADDED (TOKENS + 4)  // no bank conflicts, neither by channels nor by tokens

typedef float ByChannel[CHANNELS][PADDED];
typedef float ByState[TOKENS][SLICE];

// What a thread walks over, and what of it is its own.
struct Walk {
  int item, channel, channels, time, state, states, first, end;  // first and end: tiles of the span
  bool active;

  __device__ __forceinline__ Walk(int channels, int time, int first_state, int states, int tiles)
      : item(blockIdx.y), channel(blockIdx.x * CHANNELS + threadIdx.x / PARTS), channels(channels),
        time(time), state(first_state + threadIdx.x % PARTS * EACH), states(states),
        first(blockIdx.z * tiles), end(min(first + tiles, all())), active(channel < channels) {}

  __device__ __forceinline__ int all() const { return (time + TOKENS - 1) / TOKENS; }
  __device__ __forceinline__ int begin(bool back) const { return back ? end - 1 : first; }

  // Its states in [rows][channels][states]; zeros if there are none.
  __device__ __forceinline__ void read(const float* from, long long row, float (&to)[EACH]) const {
#pragma unroll
    for (int e = 0; e < EACH; e++) to[e] = 0.f;
    if (!from || !active || state >= states) return;
    from += (row * channels + channel) * states + state;
    if (states % EACH == 0) {
      load_floats<EACH>(from, to);
    } else {
#pragma unroll
      for (int e = 0; e < EACH; e++) to[e] = state + e < states ? from[e] : 0.f;
    }
  }

  __device__ __forceinline__ void write(float* to, long long row, const float (&from)[EACH]) const {
    if (!to || !active || state >= states) return;
    to += (row * channels + channel) * states + state;
    if (states % EACH == 0) {
      store(to, from);
    } else {
#pragma unroll
      for (int e = 0; e < EACH; e++)
        if (state + e < states) to[e] = from[e];
    }
  }

  // The rates of decay, for powers of two.
  __device__ __forceinline__ void rates(const float* a, float (&to)[EACH]) const {
    read(a, 0, to);
#pragma unroll
    for (int e = 0; e < EACH; e++) to[e] *= LOG2_E;
  }
};

// Tiles of [time][channels] on their way to shared memory: of each, a thread has FETCHED tokens of a
// channel. BACK: from the last tile of a span to its first.
template <bool BACK>
struct Channels {
  const Element* next;
  long long step;
  int left;  // tokens from the next one on, in the whole of time
  float values[FETCHED];

  static __device__ __forceinline__ int channel() {
    return blockIdx.x * CHANNELS + threadIdx.x % CHANNELS;
  }

  __device__ __forceinline__ Channels(const Element* from, long long step, const Walk& walk)
      : step(step) {
    int first = walk.begin(BACK) * TOKENS + threadIdx.x / CHANNELS * FETCHED;
    left = channel() < walk.channels ? walk.time - first : NO_TOKENS;
    next = from + first * step + channel();
  }

  __device__ __forceinline__ void fetch() {
    const Element* from = next;
#pragma unroll
    for (int i = 0; i < FETCHED; i++) {
      values[i] = i < left ? to_float(*from) : 0.f;
      from += step;
    }
    next += BACK ? -TOKENS * step : TOKENS * step;
    left += BACK ? TOKENS : -TOKENS;
  }

  __device__ __forceinline__ void put(ByChannel& to) const {
    store(&to[threadIdx.x % CHANNELS][threadIdx.x / CHANNELS * FETCHED], values);
  }
};

__device__ __forceinline__ float log2_fast(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// log(1 + e^x), correct to some 1e-6 of it.
__device__ __forceinline__ float softplus(float x) {
  float e = exp2_fast(x * LOG2_E);
  float large = LN_2 * log2_fast(1.f + e);
  // Up to log 2 the logarithm of 1 + e is not; so 2 artanh(s) with s = e / (2 + e), at most 1 / 3.
  float s = e * reciprocal_fast(2.f + e), q = s * s;
  float small = 1.f / 7 + q * (1.f / 9 + q * (1.f / 11));
  small = 2.f * s * (1.f + q * (1.f / 3 + q * (1.f / 5 + q * small)));
  return x > 20.f ? x : e > 1.f ? large : small;
}

// The derivative of softplus, 1 - e^-step, where that is `step`, as accurately.
__device__ __forceinline__ float slope(float step) {
  float small = 1.f / 6 - step * (1.f / 24 - step * (1.f / 120));
  small = step * (1.f - step * (1.f / 2 - step * small));
  return step < 0.25f ? small : 1.f - exp2_fast(-step * LOG2_E);
}

// Tiles of dt, likewise, which become steps.
template <bool BACK>
struct Steps : Channels<BACK> {
  float bias;

  __device__ __forceinline__ Steps(
      const Element* from, long long step, const float* biases, const Walk& walk)
      : Channels<BACK>(from, step, walk) {
    bias = this->channel() < walk.channels ? biases[this->channel()] : 0.f;
  }

  __device__ __forceinline__ void put(ByChannel& to) {
    int tokens = BACK ? this->left - TOKENS : this->left + TOKENS;
#pragma unroll
    for (int i = 0; i < FETCHED; i++) {
      float step = softplus(this->values[i] + bias);
      this->values[i] = i < tokens ? step : 0.f;
    }
    Channels<BACK>::put(to);
  }
};

// Tiles of the SLICE states of [time][states], likewise.
template <bool BACK>
struct States {
  const Element* next;
  long long step;  // from a token of the thread to its next
  int left;
  float values[SELECTED];

  __device__ __forceinline__ States(
      const Element* from, long long time_step, const Walk& walk, int first_state)
      : step(time_step * ROWS) {
    int state = first_state + threadIdx.x % SLICE;
    int first = walk.begin(BACK) * TOKENS + threadIdx.x / SLICE;
    left = state < walk.states ? walk.time - first : NO_TOKENS;
    next = from + first * time_step + state;
  }

  __device__ __forceinline__ void fetch() {
    const Element* from = next;
#pragma unroll
    for (int i = 0; i < SELECTED; i++) {
      values[i] = i * ROWS < left ? to_float(*from) : 0.f;
      from += step;
    }
    next += BACK ? -SELECTED * step : SELECTED * step;
    left += BACK ? TOKENS : -TOKENS;
  }

  __device__ __forceinline__ void put(ByState& to) const {
#pragma unroll
    for (int i = 0; i < SELECTED; i++)
      to[threadIdx.x / SLICE + i * ROWS][threadIdx.x % SLICE] = values[i];
  }
};

// What is left of the state before a token, as a logarithm: 0, but where a document begins.
__device__ __forceinline__ float fetch_left(const long long* documents, const Walk& walk, int tile) {
  int t = tile * TOKENS + threadIdx.x;
  if (!documents || threadIdx.x >= TOKENS || t <= 0 || t >= walk.time) return 0.f;
  return documents[t] == documents[t - 1] ? 0.f : NOTHING_LEFT;
}

// Adds up COUNT values over threads: their masks from MASK down to LAST. With every step a thread is
// left with half of the values, from number `index` on, until it has one.
template <int COUNT, int MASK, int LAST, int SIZE>
__device__ __forceinline__ void add_over(float (&values)[SIZE], int& index) {
  if constexpr (MASK >= LAST) {
    if constexpr (COUNT > 1) {
      bool upper = threadIdx.x & MASK;
#pragma unroll
      for (int i = 0; i < COUNT / 2; i++) {
        float kept = upper ? values[i + COUNT / 2] : values[i];
        float sent = upper ? values[i] : values[i + COUNT / 2];
        values[i] = kept + exchange(sent, MASK);
      }
      if (upper) index += COUNT / 2;
      add_over<COUNT / 2, MASK / 2, LAST>(values, index);
    } else {
      values[0] += exchange(values[0], MASK);
      add_over<1, MASK / 2, LAST>(values, index);
    }
  }
}

// Adds up a chunk's values over the threads that share a channel; each is left with the sums of FEW
// tokens, from the returned number on.
#define FEW (CHUNK / PARTS)
__device__ __forceinline__ int over_parts(float (&values)[CHUNK]) {
  int index = 0;
  add_over<CHUNK, PARTS / 2, 1>(values, index);
  return index;
}

// A sum over the states of a launch becomes one over all so far: earlier slices left theirs.
__device__ __forceinline__ float over_slices(
    float sum, const float* earlier, long long at, int first_state) {
  if (SLICED && first_state > 0) sum += earlier[at];
  return sum;
}

__device__ __forceinline__ bool is_last_slice(int first_state, int states) {
  return !SLICED || first_state + SLICE >= states;
}
