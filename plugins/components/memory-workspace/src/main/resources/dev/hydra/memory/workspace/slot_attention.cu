// What the tokens of a chunk read: attention of a head's queries over its slots, in bfloat16 with sums
// in float32. All slots are in sight of a block, so nothing but the result is kept for backward.
//
//   p[t] = softmax over s of q[t] . (k[s] + a[s]) / sqrt(HEAD),   o[t] = sum over s of p[t, s] v[s]
//
// Compile-time options (-D): CHUNK, SLOTS, HEAD: multiples of 16, at most 128; HEADS.
//
// Launch both: grid (rows, HEADS), 128 threads, NAME_bytes of dynamic shared memory. A warp has 16
// tokens; for the gradients of keys and values then 16 slots.
//
//   q, o     bf16 [rows, tokens, DIM], at most CHUNK tokens
//   k, v     bf16 [rows, SLOTS, DIM]
//   a        bf16 [SLOTS, DIM], the addresses of the slots; keys and they are added in bf16
static_assert(CHUNK % 16 == 0 && SLOTS % 16 == 0 && HEAD % 16 == 0, "see above");
static_assert(CHUNK <= 128 && SLOTS <= 128 && HEAD <= 128, "see above");

constexpr int WARPS = 4;
constexpr int CREW = 32 * WARPS;
constexpr int DIM = HEADS * HEAD;
constexpr int TOKEN_TILES = CHUNK / 16;
constexpr int SLOT_TILES = SLOTS / 16;
constexpr int HEAD_TILES = HEAD / 16;
typedef Tile<CHUNK, HEAD> Tokens;
typedef Tile<SLOTS, HEAD> Slots;
typedef Tile<CHUNK, SLOTS> Shares;

extern "C" __device__ const int slot_attention_bytes = Tokens::BYTES + 2 * Slots::BYTES;
extern "C" __device__ const int slot_attention_waits = 1;
extern "C" __device__ const int slot_attention_backward_bytes =
    2 * (Tokens::BYTES + Slots::BYTES + Shares::BYTES);

__device__ __forceinline__ unsigned add_pairs(unsigned a, unsigned b) {
  return pack_bf16(low_bf16(a) + low_bf16(b), high_bf16(a) + high_bf16(b));
}

// Adds the addresses of the slots, of this head, to keys that are there. All threads must call it.
__device__ __forceinline__ void add_addresses(Slots& keys, const Element* addresses) {
  constexpr int PIECES = HEAD / 8;
  for (int i = threadIdx.x; i < SLOTS * PIECES; i += CREW) {
    int slot = i / PIECES, column = i % PIECES * 8;
    uint4* at = (uint4*)(keys.data + slot * Slots::PITCH + column);
    uint4 own = *at, address = *(const uint4*)(addresses + slot * DIM + column);
    own.x = add_pairs(own.x, address.x);
    own.y = add_pairs(own.y, address.y);
    own.z = add_pairs(own.z, address.z);
    own.w = add_pairs(own.w, address.w);
    *at = own;
  }
  __syncthreads();
}

// Products of 16 tokens and all slots.
__device__ __forceinline__ void meet(
    const Tokens& tokens, int token, const Slots& slots, int lane, Sums (&products)[SLOT_TILES]) {
  clear(products);
#pragma unroll
  for (int n = 0; n < HEAD_TILES; n++) {
    Operand a, b;
    tokens.a(a, token, 16 * n, lane);
#pragma unroll
    for (int s = 0; s < SLOT_TILES; s++) {
      slots.b(b, 16 * s, 16 * n, lane);
      multiply(products[s], a, b);
    }
  }
}

// Scores to shares, which add up to 1 over the slots.
__device__ __forceinline__ void soften(Sums (&scores)[SLOT_TILES]) {
  const float scale = LOG2_E * rsqrtf((float)HEAD);
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float most = -3.4e38f, share = 0.f;
#pragma unroll
    for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
      for (int i = 0; i < 4; i++) most = fmaxf(most, scores[s][i / 2][2 * r + i % 2]);
    }
    most = largest_of_quad(most);
#pragma unroll
    for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        float& x = scores[s][i / 2][2 * r + i % 2];
        x = exp2_fast((x - most) * scale);
        share += x;
      }
    }
    share = 1.f / sum_quad(share);
#pragma unroll
    for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
      for (int i = 0; i < 4; i++) scores[s][i / 2][2 * r + i % 2] *= share;
    }
  }
}

// Sums over the slots of what is theirs, by the factors of 16 tokens.
__device__ __forceinline__ void gather(
    const Sums (&factors)[SLOT_TILES], const Slots& slots, int lane, Sums (&sums)[HEAD_TILES]) {
  clear(sums);
#pragma unroll
  for (int s = 0; s < SLOT_TILES; s++) {
    Operand a, b;
    to_operand(a, factors[s]);
#pragma unroll
    for (int n = 0; n < HEAD_TILES; n++) {
      slots.b_transposed(b, 16 * s, 16 * n, lane);
      multiply(sums[n], a, b);
    }
  }
}

__device__ __forceinline__ void put(
    Element* to, const Sums (&sums)[HEAD_TILES], int row, int rows, int lane) {
  to += (Long)row * DIM;
  store_row(to, sums, 0, row < rows, lane);
  store_row(to + 8 * DIM, sums, 1, row + 8 < rows, lane);
}

extern "C" __global__ void __launch_bounds__(CREW) slot_attention(
    const Element* q, const Element* k, const Element* a, const Element* v, Element* __restrict__ o,
    int tokens) {
  wait_for_prerequisites();
  Tokens asking(SHARED);
  Slots keys(SHARED + Tokens::BYTES), values(SHARED + Tokens::BYTES + Slots::BYTES);
  Long row = blockIdx.x;
  int head = blockIdx.y * HEAD, lane = threadIdx.x % 32;
  asking.load<CREW>(q + row * tokens * DIM + head, DIM, tokens, threadIdx.x);
  keys.load<CREW>(k + row * SLOTS * DIM + head, DIM, SLOTS, threadIdx.x);
  values.load<CREW>(v + row * SLOTS * DIM + head, DIM, SLOTS, threadIdx.x);
  copies_arrive();
  add_addresses(keys, a + head);
  for (int token = threadIdx.x / 32 * 16; token < CHUNK; token += 16 * WARPS) {
    Sums shares[SLOT_TILES], found[HEAD_TILES];
    meet(asking, token, keys, lane, shares);
    soften(shares);
    gather(shares, values, lane, found);
    put(o + row * tokens * DIM + head, found, token + lane / 4, tokens, lane);
  }
}

// What 16 slots get from all tokens, by the shares of these.
__device__ __forceinline__ void scatter(
    const Shares& shares, const Tokens& tokens, int slot, int lane, Element* to) {
  Sums sums[HEAD_TILES];
  clear(sums);
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
    Operand a, b;
    shares.a_transposed(a, 16 * t, slot, lane);
#pragma unroll
    for (int n = 0; n < HEAD_TILES; n++) {
      tokens.b_transposed(b, 16 * t, 16 * n, lane);
      multiply(sums[n], a, b);
    }
  }
  put(to, sums, slot + lane / 4, SLOTS, lane);
}

__device__ __forceinline__ void keep(
    Shares& to, const Sums (&from)[SLOT_TILES], int token, int lane) {
#pragma unroll
  for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float* pair = from[s][i / 2] + i % 2 * 2;
      to.put_pair(token + lane / 4 + i % 2 * 8, 16 * s + i / 2 * 8 + lane % 4 * 2, pair[0], pair[1]);
    }
  }
}

//   d_o  bf16 as o;  dq, dk, dv  bf16 as q, k, v. The gradient of a is the sum of dk over the rows.
extern "C" __global__ void __launch_bounds__(CREW) slot_attention_backward(
    const Element* __restrict__ q, const Element* __restrict__ k, const Element* __restrict__ a,
    const Element* __restrict__ v, const Element* __restrict__ d_o, Element* __restrict__ dq,
    Element* __restrict__ dk, Element* __restrict__ dv, int tokens) {
  Tokens asking(SHARED), arriving(SHARED + Tokens::BYTES);
  char* behind = SHARED + 2 * Tokens::BYTES;
  Slots keys(behind), values(behind + Slots::BYTES);
  Shares shares(behind + 2 * Slots::BYTES), changes(behind + 2 * Slots::BYTES + Shares::BYTES);
  Long row = blockIdx.x, of_tokens = row * tokens * DIM, of_slots = row * SLOTS * DIM;
  int head = blockIdx.y * HEAD, lane = threadIdx.x % 32;
  asking.load<CREW>(q + of_tokens + head, DIM, tokens, threadIdx.x);
  keys.load<CREW>(k + of_slots + head, DIM, SLOTS, threadIdx.x);
  values.load<CREW>(v + of_slots + head, DIM, SLOTS, threadIdx.x);
  arriving.load<CREW>(d_o + of_tokens + head, DIM, tokens, threadIdx.x);
  copies_arrive();
  add_addresses(keys, a + head);
  for (int token = threadIdx.x / 32 * 16; token < CHUNK; token += 16 * WARPS) {
    Sums p[SLOT_TILES], d[SLOT_TILES], found[HEAD_TILES];
    meet(asking, token, keys, lane, p);
    soften(p);
    keep(shares, p, token, lane);
    meet(arriving, token, values, lane, d);
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float mean = 0.f;
#pragma unroll
      for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
        for (int i = 0; i < 4; i++) mean += p[s][i / 2][2 * r + i % 2] * d[s][i / 2][2 * r + i % 2];
      }
      mean = sum_quad(mean);
#pragma unroll
      for (int s = 0; s < SLOT_TILES; s++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float& x = d[s][i / 2][2 * r + i % 2];
          x = p[s][i / 2][2 * r + i % 2] * (x - mean) * rsqrtf((float)HEAD);
        }
      }
    }
    keep(changes, d, token, lane);
    gather(d, keys, lane, found);
    put(dq + of_tokens + head, found, token + lane / 4, tokens, lane);
  }
  __syncthreads();
  for (int slot = threadIdx.x / 32 * 16; slot < SLOTS; slot += 16 * WARPS) {
    scatter(changes, asking, slot, lane, dk + of_slots + head);
    scatter(shares, arriving, slot, lane, dv + of_slots + head);
  }
}
