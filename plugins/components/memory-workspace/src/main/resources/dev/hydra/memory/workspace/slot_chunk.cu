// A chunk of tokens in shared memory, for the kernels that find out what it writes to slots, one head
// after the other. With t a token, s a slot, d a channel of the head:
//
//   scores   [CHUNK][SCORE_PITCH]: at first the scores of (t, s), then their softmax over the tokens
//   values   [CHUNK][VALUE_PITCH]
//
// Compile-time options (-D): CHUNK, a multiple of 32; SLOTS, a multiple of 8; HEADS; HEAD, channels
// of a head, a power of two from 8 to 128; VECTOR, which divides SLOTS and HEAD; ELEMENT_BF16.
//
// 256 threads a block. What a thread finds for slots are ITEMS tiles of two slots and four channels.

typedef long long Long;
static_assert(CHUNK % 32 == 0 && SLOTS % 8 == 0 && HEAD % 8 == 0 && (HEAD & (HEAD - 1)) == 0, "see above");
static_assert(HEAD <= 128 && SLOTS % VECTOR == 0 && HEAD % VECTOR == 0, "see above");

constexpr int CREW = 256;
constexpr int DIM = HEADS * HEAD;
constexpr int SCORE_PITCH = SLOTS + 1;  // neighbouring tokens in neighbouring banks
constexpr int VALUE_PITCH = HEAD + 4;
constexpr int QUADS = HEAD / 4;
constexpr int TILES = SLOTS / 2 * QUADS;
constexpr int ITEMS = (TILES + CREW - 1) / CREW;
constexpr int SCORE_FLOATS = (CHUNK * SCORE_PITCH + 3) / 4 * 4;
constexpr int VALUE_FLOATS = CHUNK * VALUE_PITCH;
constexpr int LANE_TOKENS = CHUNK / 32;

// Whether a text's chunk is complete with one more token after so many.
__device__ __forceinline__ bool completes(Long position) { return (position + 1) % CHUNK == 0; }

// Reads WIDTH columns of the chunk's rows.
template <int WIDTH, int PITCH>
__device__ __forceinline__ void fetch(const Element* from, Long row, float* to) {
  constexpr int PIECES = WIDTH / VECTOR;
#pragma unroll 4
  for (int i = threadIdx.x; i < CHUNK * PIECES; i += CREW) {
    int token = i / PIECES, column = i % PIECES * VECTOR;
    float found[VECTOR];
    load_floats<VECTOR>(from + token * row + column, found);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) to[token * PITCH + column + v] = found[v];
  }
}

// Reads a head and makes the scores of each slot weights of the tokens that add up to 1. A barrier
// before it, as the head before may still be read; the block has passed one when it returns.
__device__ __forceinline__ void fetch_head(
    const Element* keys, Long keys_row, const Element* values, Long values_row, float* scores,
    float* found) {
  fetch<SLOTS, SCORE_PITCH>(keys, keys_row, scores);
  fetch<HEAD, VALUE_PITCH>(values, values_row, found);
  __syncthreads();
  int lane = threadIdx.x % 32;
  for (int slot = threadIdx.x / 32; slot < SLOTS; slot += CREW / 32) {
    float x[LANE_TOKENS], most = -3.4e38f, sum = 0.f;
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) {
      x[k] = scores[(lane + 32 * k) * SCORE_PITCH + slot];
      most = fmaxf(most, x[k]);
    }
    most = largest_lane(most);
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) {
      x[k] = exp2_fast((x[k] - most) * LOG2_E);
      sum += x[k];
    }
    float share = 1.f / sum_lanes(sum);
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) scores[(lane + 32 * k) * SCORE_PITCH + slot] = x[k] * share;
  }
  __syncthreads();
}

// What the two slots of a tile find in its four channels: weights times values.
__device__ __forceinline__ void find(
    const float* scores, const float* values, int tile, float (&sum)[2][4]) {
  int slot = tile / QUADS * 2, channel = tile % QUADS * 4;
#pragma unroll
  for (int i = 0; i < 4; i++) sum[0][i] = sum[1][i] = 0.f;
#pragma unroll 8
  for (int t = 0; t < CHUNK; t++) {
    float first = scores[t * SCORE_PITCH + slot], second = scores[t * SCORE_PITCH + slot + 1];
    float4 v = *(const float4*)(values + t * VALUE_PITCH + channel);
    sum[0][0] += first * v.x;
    sum[0][1] += first * v.y;
    sum[0][2] += first * v.z;
    sum[0][3] += first * v.w;
    sum[1][0] += second * v.x;
    sum[1][1] += second * v.y;
    sum[1][2] += second * v.z;
    sum[1][3] += second * v.w;
  }
}
