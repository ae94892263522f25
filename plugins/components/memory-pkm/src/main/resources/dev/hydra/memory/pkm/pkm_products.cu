// The search of product keys from queries and sub-keys on, their products included: see pkm_choice.cu.
// Tensor cores multiply TF32; each number is taken as the sum of two, and of the four products the
// three that count are added up, so that scores are as exact as float32.
//
// Compile-time options (-D): as for pkm_choice.cu, and HALF: channels of half a key, a multiple of 16.
//
// Launch: grid (tokens / 32, rounded up, heads), 256 threads, pkm_find_bytes of dynamic shared memory. A
// block has 32 queries; of their scores a warp computes those of 32 keys at a time.
//
//   queries  fp32 [tokens, heads, 2, HALF], keys fp32 [heads, 2, KEYS, HALF], both aligned to 16 bytes
static_assert(HALF % 16 == 0, "see above");

constexpr int QUERIES = 32;
constexpr int WARPS = 8;
constexpr int TILES = 4;  // of 8 keys, of a warp at a time
constexpr int QUERY_PITCH = HALF % 32 == 16 ? HALF : HALF + 16;
constexpr int SCORE_PITCH = (KEYS + 31) / 32 * 32 + 8;
constexpr int DEPTHS = HALF / 16;

extern "C" __device__ const int pkm_find_bytes =
    QUERIES * ((QUERY_PITCH + SCORE_PITCH) * 4 + 32 * 8) + WARPS * ROOM * 8;
extern "C" __device__ const int pkm_find_waits = 1;

extern __shared__ __align__(16) float shared_floats[];

// A number and what is left of it, as the bits of TF32.
struct Two {
  unsigned high, low;

  __device__ __forceinline__ explicit Two(float x) {
    high = (__float_as_uint(x) + 0x1000u) & 0xffffe000u;
    low = __float_as_uint(x - __uint_as_float(high));
  }
};

// c += a b for a 16 x 8 (row), b 8 x 8 (column), c 16 x 8.
__device__ __forceinline__ void mma_tf32(
    float (&c)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// c += a b where lane l has of rows l / 4 and l / 4 + 8 of a, and of column l / 4 of b, two numbers at
// the same two depths each.
__device__ __forceinline__ void multiply(
    float (&c)[4], const Two (&upper)[2], const Two (&lower)[2], const Two (&b)[2]) {
  mma_tf32(c, upper[0].low, lower[0].low, upper[1].low, lower[1].low, b[0].high, b[1].high);
  mma_tf32(c, upper[0].high, lower[0].high, upper[1].high, lower[1].high, b[0].low, b[1].low);
  mma_tf32(c, upper[0].high, lower[0].high, upper[1].high, lower[1].high, b[0].high, b[1].high);
}

// What a lane has of TILES * 8 keys from `key` on: four channels from `depth` on of one key each.
__device__ __forceinline__ void fetch(const float* keys, int key, int depth, float4 (&to)[TILES]) {
  int lane = threadIdx.x & 31;
#pragma unroll
  for (int n = 0; n < TILES; n++) {
    int at = key + 8 * n + lane / 4;
    to[n] = *(const float4*)(keys + (at < KEYS ? at : KEYS - 1) * HALF + depth + lane % 4 * 4);
  }
}

// Scores of all queries and a warp's keys.
__device__ __forceinline__ void score(
    const float* queries, const float* keys, float* scores, int warp, int lane) {
  int g = lane / 4, c = lane % 4;
  for (int key = warp * TILES * 8; key < KEYS; key += WARPS * TILES * 8) {
    float sums[TILES][2][4];
#pragma unroll
    for (int n = 0; n < TILES; n++) {
#pragma unroll
      for (int m = 0; m < 2; m++) {
#pragma unroll
        for (int i = 0; i < 4; i++) sums[n][m][i] = 0.0f;
      }
    }
    float4 next[TILES];
    fetch(keys, key, 0, next);
#pragma unroll 1
    for (int depth = 0; depth < DEPTHS; depth++) {
      float4 now[TILES];
#pragma unroll
      for (int n = 0; n < TILES; n++) now[n] = next[n];
      fetch(keys, key, 16 * (depth + 1 < DEPTHS ? depth + 1 : depth), next);
      float4 rows[4];
#pragma unroll
      for (int m = 0; m < 4; m++)
        rows[m] = *(const float4*)(queries + (g + 8 * m) * QUERY_PITCH + 16 * depth + 4 * c);
#pragma unroll
      for (int part = 0; part < 2; part++) {
#pragma unroll
        for (int m = 0; m < 2; m++) {
          float4 u = rows[2 * m], l = rows[2 * m + 1];
          Two upper[2] = {Two(part ? u.z : u.x), Two(part ? u.w : u.y)};
          Two lower[2] = {Two(part ? l.z : l.x), Two(part ? l.w : l.y)};
#pragma unroll
          for (int n = 0; n < TILES; n++) {
            Two b[2] = {Two(part ? now[n].z : now[n].x), Two(part ? now[n].w : now[n].y)};
            multiply(sums[n][m], upper, lower, b);
          }
        }
      }
    }
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      int column = key + 8 * n;
      if (column >= KEYS) break;
#pragma unroll
      for (int m = 0; m < 2; m++) {
        float* to = scores + (16 * m + g) * SCORE_PITCH + column + 2 * c;
        *(float2*)to = make_float2(sums[n][m][0], sums[n][m][1]);
        *(float2*)(to + 8 * SCORE_PITCH) = make_float2(sums[n][m][2], sums[n][m][3]);
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(32 * WARPS, 2) pkm_find(
    const float* queries, const float* keys, Long* rows, float* weights, Long tokens, Long heads) {
  wait_for_prerequisites();
  float* asking = shared_floats;
  float* scores = asking + QUERIES * QUERY_PITCH;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  Ranked* firsts = (Ranked*)(scores + QUERIES * SCORE_PITCH);  // the best keys of the first half
  Ranked* room = firsts + QUERIES * 32 + warp * ROOM;
  Long token = (Long)blockIdx.x * QUERIES;
  Long head = blockIdx.y;
#pragma unroll 1
  for (int half = 0; half < 2; half++) {
    for (int i = threadIdx.x; i < QUERIES * HALF / 4; i += 32 * WARPS) {
      int row = i / (HALF / 4), column = i % (HALF / 4) * 4;
      float4 found = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
      if (token + row < tokens)
        found = *(const float4*)(queries + ((token + row) * heads + head) * 2 * HALF + half * HALF + column);
      *(float4*)(asking + row * QUERY_PITCH + column) = found;
    }
    __syncthreads();
    score(asking, keys + (2 * head + half) * KEYS * HALF, scores, warp, lane);
    __syncthreads();
#pragma unroll 1
    for (int row = warp; row < QUERIES; row += WARPS) {
      Ranked found = best_keys(scores + row * SCORE_PITCH, lane, room);
      Ranked& first = firsts[row * 32 + lane];
      if (half == 0) {
        first = found;
      } else if (token + row < tokens) {
        choose(first, found, lane, (token + row) * heads + head, rows, weights);
      }
    }
    __syncthreads();
  }
}
