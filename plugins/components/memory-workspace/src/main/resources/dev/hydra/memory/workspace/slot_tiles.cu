// Chunks of tokens in shared memory, for the kernels that find out what they write to slots by tensor
// cores. With t a token, s a slot, d a channel of a head, a tile has keys [t][s] or values [t][d]; a
// warp has 16 slots at a time. Elements are bf16, sums float32.
//
// Compile-time options (-D): CHUNK, SLOTS, HEAD: multiples of 16, at most 128; HEADS.

static_assert(CHUNK % 16 == 0 && SLOTS % 16 == 0 && HEAD % 16 == 0, "see above");
static_assert(CHUNK <= 128 && SLOTS <= 128 && HEAD <= 128, "see above");

constexpr int DIM = HEADS * HEAD;
constexpr int TOKEN_TILES = CHUNK / 16;
constexpr int SLOT_TILES = SLOTS / 16;
constexpr int HEAD_TILES = HEAD / 16;
typedef Tile<CHUNK, SLOTS> Keys;
typedef Tile<CHUNK, HEAD> Values;

// The weights of tokens for 16 slots, [token tile][slot g or g + 8, tokens 0-7 or 8-15][token]: as the
// registers of an operand.
typedef float Weights[TOKEN_TILES][4][2];

// The softmax over the tokens of the keys of 16 slots from `slot` on.
__device__ __forceinline__ void weigh(const Keys& keys, int slot, int lane, Weights& weights) {
  float most[2] = {-3.4e38f, -3.4e38f}, share[2] = {0.f, 0.f};
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
    Operand scores;
    keys.a_transposed(scores, 16 * t, slot, lane);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      weights[t][i][0] = low(scores, i);
      weights[t][i][1] = high(scores, i);
      most[i % 2] = fmaxf(most[i % 2], fmaxf(weights[t][i][0], weights[t][i][1]));
    }
  }
#pragma unroll
  for (int g = 0; g < 2; g++) most[g] = largest_of_quad(most[g]);
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        weights[t][i][j] = exp2_fast((weights[t][i][j] - most[i % 2]) * LOG2_E);
        share[i % 2] += weights[t][i][j];
      }
    }
  }
#pragma unroll
  for (int g = 0; g < 2; g++) share[g] = 1.f / sum_quad(share[g]);
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) weights[t][i][j] *= share[i % 2];
    }
  }
}

// What 16 slots find: weights times values.
__device__ __forceinline__ void find(
    const Weights& weights, const Values& values, int lane, Sums (&found)[HEAD_TILES]) {
  clear(found);
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
    Operand a, b;
#pragma unroll
    for (int i = 0; i < 4; i++) set(a, i, weights[t][i][0], weights[t][i][1]);
#pragma unroll
    for (int n = 0; n < HEAD_TILES; n++) {
      values.b_transposed(b, 16 * t, 16 * n, lane);
      multiply(found[n], a, b);
    }
  }
}
