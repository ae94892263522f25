// The gradients of slot_writes_tiles.cu, with the equations of slot_writes_backward.cu: a block has a
// head of a chunk, and after it of others that are gridDim.x apart. First 16 slots a warp, then 16 tokens.
//
// Launch: grid (at most chunks * batch, HEADS), 128 threads, slot_writes_tiles_backward_bytes of
// dynamic shared memory. Options: see slot_tiles.cu. Tensors: see slot_writes_backward.cu; keys, values
// and their gradients are bf16. Block (x, head) leaves its part of partials[x].

constexpr int WARPS = 4;
constexpr int CREW = 32 * WARPS;
typedef Tile<SLOTS, CHUNK> Shares;  // weights of tokens
typedef Tile<SLOTS, HEAD> Grown;    // gradients of what slots found

extern "C" __device__ const int slot_writes_tiles_backward_bytes =
    Keys::BYTES + Values::BYTES + Shares::BYTES + Grown::BYTES + SLOTS * 4;

// The gradients of what 16 slots found, in place of that, and what they add to dw; all of the head.
__device__ __forceinline__ void grow(
    Sums (&found)[HEAD_TILES], int slot, int lane, const float* pull, const float* w,
    const float* dcontent, float* partials, bool first) {
  int g = lane / 4, c = lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < HEAD_TILES; n++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
      for (int r = 0; r < 2; r++) {
        int row = slot + g + 8 * r;
        int at = row * DIM + 16 * n + 8 * half + c;
        float2 weight = *(const float2*)(w + at), arriving = *(const float2*)(dcontent + at);
        float2 left = first ? make_float2(0.f, 0.f) : *(const float2*)(partials + at);
        float* z = found[n][half] + 2 * r;
        float open = pull[row], x = tanhf(z[0]), y = tanhf(z[1]);
        *(float2*)(partials + at) = make_float2(left.x + open * z[0], left.y + open * z[1]);
        z[0] = arriving.x * (1.f - x * x) + open * weight.x;
        z[1] = arriving.y * (1.f - y * y) + open * weight.y;
      }
    }
  }
}

// The gradients of the keys of 16 slots, in place of these.
__device__ __forceinline__ void key_gradients(
    const Weights& weights, const Sums (&grown)[HEAD_TILES], const Values& values, Keys& keys, int slot,
    int lane) {
  Sums products[TOKEN_TILES];
  float mean[2] = {0.f, 0.f};
  clear(products);
#pragma unroll
  for (int n = 0; n < HEAD_TILES; n++) {
    Operand a, b;
    to_operand(a, grown[n]);
#pragma unroll
    for (int t = 0; t < TOKEN_TILES; t++) {
      values.b(b, 16 * t, 16 * n, lane);
      multiply(products[t], a, b);
    }
  }
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) mean[i % 2] += weights[t][i][j] * products[t][i / 2][i % 2 * 2 + j];
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) mean[r] = sum_quad(mean[r]);
  int g = lane / 4, c = lane % 4 * 2;
#pragma unroll
  for (int t = 0; t < TOKEN_TILES; t++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) {
        float change = products[t][i / 2][i % 2 * 2 + j] - mean[i % 2];
        int token = 16 * t + i / 2 * 8 + c + j;
        put(keys.data + token * Keys::PITCH + slot + g + i % 2 * 8, weights[t][i][j] * change);
      }
    }
  }
}

// Writes the tile of a head's key gradients.
__device__ __forceinline__ void put_keys(const Keys& keys, Element* dkeys) {
  constexpr int PIECES = SLOTS / 8;
#pragma unroll 4
  for (int i = threadIdx.x; i < CHUNK * PIECES; i += CREW) {
    int token = i / PIECES, column = i % PIECES * 8;
    *(uint4*)(dkeys + (Long)token * HEADS * SLOTS + column) =
        *(const uint4*)(keys.data + token * Keys::PITCH + column);
  }
}

// Zeros from `begin` to `end`.
__device__ __forceinline__ void clear(Element* at, Long begin, Long end) {
  for (Long i = begin + threadIdx.x * 8; i < end; i += CREW * 8) *(uint4*)(at + i) = make_uint4(0, 0, 0, 0);
}

extern "C" __global__ void __launch_bounds__(CREW) slot_writes_tiles_backward(
    const Element* __restrict__ keys, Long keys_batch, Long keys_row,
    const Element* __restrict__ values, Long values_batch, Long values_row,
    const float* __restrict__ w, const float* __restrict__ gate,
    const float* __restrict__ dcontent, const float* __restrict__ dgate,
    Element* __restrict__ dkeys, Element* __restrict__ dvalues, float* __restrict__ partials,
    Long chunks, Long batch, Long time) {
  Keys own(SHARED);
  Values of_head(SHARED + Keys::BYTES);
  Shares shares(SHARED + Keys::BYTES + Values::BYTES);
  Grown grown(SHARED + Keys::BYTES + Values::BYTES + Shares::BYTES);
  float* pull = (float*)(SHARED + Keys::BYTES + Values::BYTES + Shares::BYTES + Grown::BYTES);
  int head = blockIdx.y, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4 * 2;
  partials += (Long)blockIdx.x * (SLOTS * DIM + SLOTS);
  for (Long each = blockIdx.x; each < chunks * batch; each += gridDim.x) {
    bool first = each == blockIdx.x;
    Long row = each / chunks, chunk = each % chunks, token = row * time + chunk * CHUNK;
    __syncthreads();  // the tiles of the chunk before have been read
    own.load<CREW>(
        keys + row * keys_batch + chunk * CHUNK * keys_row + head * SLOTS, keys_row, CHUNK, threadIdx.x);
    of_head.load<CREW>(
        values + row * values_batch + chunk * CHUNK * values_row + head * HEAD, values_row, CHUNK,
        threadIdx.x);
    copies_commit();
    for (int s = threadIdx.x; s < SLOTS; s += CREW) {
      float open = gate[each * SLOTS + s];
      pull[s] = dgate[each * SLOTS + s] * open * (1.f - open);
      float* left = partials + SLOTS * DIM + s;
      if (head == 0) *left = (first ? 0.f : *left) + pull[s];
    }
    copies_wait<0>();
    __syncthreads();
    for (int slot = 16 * warp; slot < SLOTS; slot += 16 * WARPS) {
      Weights weights;
      Sums found[HEAD_TILES];
      weigh(own, slot, lane, weights);
      find(weights, of_head, lane, found);
      grow(
          found, slot, lane, pull, w + head * HEAD, dcontent + each * SLOTS * DIM + head * HEAD,
          partials + head * HEAD, first);
#pragma unroll
      for (int n = 0; n < HEAD_TILES; n++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float* from = found[n][i / 2] + i % 2 * 2;
          grown.put_pair(slot + g + i % 2 * 8, 16 * n + i / 2 * 8 + c, from[0], from[1]);
        }
      }
#pragma unroll
      for (int t = 0; t < TOKEN_TILES; t++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float* from = weights[t][i];
          shares.put_pair(slot + g + i % 2 * 8, 16 * t + i / 2 * 8 + c, from[0], from[1]);
        }
      }
      key_gradients(weights, found, of_head, own, slot, lane);
    }
    __syncthreads();
    put_keys(own, dkeys + token * HEADS * SLOTS + head * SLOTS);
    for (int from = 16 * warp; from < CHUNK; from += 16 * WARPS) {
      Sums sums[HEAD_TILES];
      clear(sums);
#pragma unroll
      for (int s = 0; s < SLOT_TILES; s++) {
        Operand a, b;
        shares.a_transposed(a, 16 * s, from, lane);
#pragma unroll
        for (int n = 0; n < HEAD_TILES; n++) {
          grown.b_transposed(b, 16 * s, 16 * n, lane);
          multiply(sums[n], a, b);
        }
      }
      Element* to = dvalues + (token + from + g) * DIM + head * HEAD;
      store_row(to, sums, 0, true, lane);
      store_row(to + 8 * DIM, sums, 1, true, lane);
    }
  }
  if (head > 0) return;
  for (Long row = blockIdx.x; row < batch; row += gridDim.x) {
    Long rest = row * time + chunks * CHUNK, end = (row + 1) * time;
    clear(dkeys, rest * HEADS * SLOTS, end * HEADS * SLOTS);
    clear(dvalues, rest * DIM, end * DIM);
  }
}
