// The gradients of slot_writes.cu. With p[s] = dgate[s] gate[s] (1 - gate[s]):
//
//   dz[s]        = dcontent[s] (1 - content[s]^2) + p[s] w[s]
//   dvalues[t]   = sum over s of weight[t, s] dz[s]
//   dkeys[t, s]  = weight[t, s] (values[t] . dz[s] - sum over the tokens u of weight[u, s] values[u] . dz[s])
//   dw[s] = sum over chunks of p[s] z[s],   dbias[s] = sum over chunks of p[s]
//
// A block takes chunks gridDim.x apart, and leaves its sums of dw and dbias in partials[blockIdx.x]
// [SLOTS * DIM + SLOTS]; column_sums adds them up. Rows of dkeys and dvalues behind the last chunk
// become zeros.
//
// Launch: grid at most chunks * batch, 256 threads, slot_writes_backward_bytes of dynamic shared
// memory. Options: see slot_chunk.cu. keys ... content, gate: as for slot_writes.
//
//   dcontent  fp32 [batch, chunks, SLOTS, DIM], dgate fp32 [batch, chunks, SLOTS]
//   dkeys     [batch, time, HEADS * SLOTS], dvalues [batch, time, DIM], contiguous
constexpr int SLOT_FLOATS = SLOTS * VALUE_PITCH;
constexpr int WARP_SLOTS = SLOTS / (CREW / 32);
extern "C" __device__ const int slot_writes_backward_bytes =
    (SCORE_FLOATS + VALUE_FLOATS + SLOT_FLOATS + SLOTS) * 4;

// dz of the head into `grown` [SLOTS][VALUE_PITCH], and what it adds to dw.
__device__ __forceinline__ void slot_gradients(
    const float* scores, const float* found, const float* pull, const float* w,
    const float* dcontent, float* partials, bool first, float* grown) {
#pragma unroll
  for (int k = 0; k < ITEMS; k++) {
    int tile = threadIdx.x + k * CREW;
    if (tile < TILES) {
      float z[2][4];
      find(scores, found, tile, z);
      int channel = tile % QUADS * 4;
#pragma unroll
      for (int i = 0; i < 2; i++) {
        int slot = tile / QUADS * 2 + i;
        float own[4], arriving[4], sums[4];
        load_floats<4>(w + slot * DIM + channel, own);
        load_floats<4>(dcontent + slot * DIM + channel, arriving);
        float* left = partials + slot * DIM + channel;
#pragma unroll
        for (int j = 0; j < 4; j++) sums[j] = 0.f;
        if (!first) load_floats<4>(left, sums);
#pragma unroll
        for (int j = 0; j < 4; j++) {
          float content = tanhf(z[i][j]);
          sums[j] += pull[slot] * z[i][j];
          own[j] = arriving[j] * (1.f - content * content) + pull[slot] * own[j];
        }
        store(left, sums);
        store(grown + slot * VALUE_PITCH + channel, own);
      }
    }
  }
}

// dvalues of the head.
__device__ __forceinline__ void value_gradients(
    const float* scores, const float* grown, Element* dvalues) {
  for (int i = threadIdx.x; i < CHUNK * QUADS; i += CREW) {
    int token = i / QUADS, channel = i % QUADS * 4;
    float sum[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll 8
    for (int s = 0; s < SLOTS; s++) {
      float weight = scores[token * SCORE_PITCH + s];
      float4 dz = *(const float4*)(grown + s * VALUE_PITCH + channel);
      sum[0] += weight * dz.x;
      sum[1] += weight * dz.y;
      sum[2] += weight * dz.z;
      sum[3] += weight * dz.w;
    }
    store(dvalues + (Long)token * DIM + channel, sum);
  }
}

// The gradients of a warp's scores: a lane has LANE_TOKENS tokens, the warp WARP_SLOTS slots.
__device__ __forceinline__ void score_gradients(
    const float* scores, const float* found, const float* grown,
    float (&d)[WARP_SLOTS][LANE_TOKENS]) {
  int lane = threadIdx.x % 32, slot = threadIdx.x / 32 * WARP_SLOTS;
#pragma unroll
  for (int s = 0; s < WARP_SLOTS; s++) {
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) d[s][k] = 0.f;
  }
#pragma unroll 2
  for (int channel = 0; channel < HEAD; channel += 4) {
    float4 v[LANE_TOKENS];
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++)
      v[k] = *(const float4*)(found + (lane + 32 * k) * VALUE_PITCH + channel);
#pragma unroll
    for (int s = 0; s < WARP_SLOTS; s++) {
      float4 dz = *(const float4*)(grown + (slot + s) * VALUE_PITCH + channel);
#pragma unroll
      for (int k = 0; k < LANE_TOKENS; k++)
        d[s][k] += v[k].x * dz.x + v[k].y * dz.y + v[k].z * dz.z + v[k].w * dz.w;
    }
  }
#pragma unroll
  for (int s = 0; s < WARP_SLOTS; s++) {
    float weight[LANE_TOKENS], mean = 0.f;
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) {
      weight[k] = scores[(lane + 32 * k) * SCORE_PITCH + slot + s];
      mean += weight[k] * d[s][k];
    }
    mean = sum_lanes(mean);
#pragma unroll
    for (int k = 0; k < LANE_TOKENS; k++) d[s][k] = weight[k] * (d[s][k] - mean);
  }
}

// Writes what is in `scores` to the columns of a head.
__device__ __forceinline__ void put_scores(const float* scores, Element* dkeys) {
  constexpr int PIECES = SLOTS / VECTOR;
#pragma unroll 4
  for (int i = threadIdx.x; i < CHUNK * PIECES; i += CREW) {
    int token = i / PIECES, column = i % PIECES * VECTOR;
    float out[VECTOR];
#pragma unroll
    for (int v = 0; v < VECTOR; v++) out[v] = scores[token * SCORE_PITCH + column + v];
    store(dkeys + (Long)token * HEADS * SLOTS + column, out);
  }
}

// Zeros from `begin` to `end`.
__device__ __forceinline__ void clear(Element* at, Long begin, Long end) {
  float none[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) none[v] = 0.f;
  for (Long i = begin + threadIdx.x * VECTOR; i < end; i += CREW * VECTOR) store(at + i, none);
}

extern "C" __global__ void __launch_bounds__(CREW) slot_writes_backward(
    const Element* __restrict__ keys, Long keys_batch, Long keys_row,
    const Element* __restrict__ values, Long values_batch, Long values_row,
    const float* __restrict__ w, const float* __restrict__ gate,
    const float* __restrict__ dcontent, const float* __restrict__ dgate,
    Element* __restrict__ dkeys, Element* __restrict__ dvalues, float* __restrict__ partials,
    Long chunks, Long batch, Long time) {
  float* scores = (float*)SHARED;
  float* found = scores + SCORE_FLOATS;
  float* grown = found + VALUE_FLOATS;
  float* pull = grown + SLOT_FLOATS;
  partials += (Long)blockIdx.x * (SLOTS * DIM + SLOTS);
  int lane = threadIdx.x % 32, slot = threadIdx.x / 32 * WARP_SLOTS;
  for (Long each = blockIdx.x; each < chunks * batch; each += gridDim.x) {
    bool first = each == blockIdx.x;
    Long row = each / chunks, chunk = each % chunks, token = row * time + chunk * CHUNK;
    __syncthreads();
    for (int s = threadIdx.x; s < SLOTS; s += CREW) {
      float open = gate[each * SLOTS + s];
      pull[s] = dgate[each * SLOTS + s] * open * (1.f - open);
      float* left = partials + SLOTS * DIM + s;
      *left = (first ? 0.f : *left) + pull[s];
    }
    for (int head = 0; head < HEADS; head++) {
      __syncthreads();
      fetch_head(
          keys + row * keys_batch + chunk * CHUNK * keys_row + head * SLOTS, keys_row,
          values + row * values_batch + chunk * CHUNK * values_row + head * HEAD, values_row, scores,
          found);
      slot_gradients(
          scores, found, pull, w + head * HEAD, dcontent + each * SLOTS * DIM + head * HEAD,
          partials + head * HEAD, first, grown);
      __syncthreads();
      value_gradients(scores, grown, dvalues + token * DIM + head * HEAD);
      float d[WARP_SLOTS][LANE_TOKENS];
      score_gradients(scores, found, grown, d);
      __syncthreads();
#pragma unroll
      for (int s = 0; s < WARP_SLOTS; s++) {
#pragma unroll
        for (int k = 0; k < LANE_TOKENS; k++)
          scores[(lane + 32 * k) * SCORE_PITCH + slot + s] = d[s][k];
      }
      __syncthreads();
      put_scores(scores, dkeys + token * HEADS * SLOTS + head * SLOTS);
    }
  }
  for (Long row = blockIdx.x; row < batch; row += gridDim.x) {
    Long rest = row * time + chunks * CHUNK, end = (row + 1) * time;
    clear(dkeys, rest * HEADS * SLOTS, end * HEADS * SLOTS);
    clear(dvalues, rest * DIM, end * DIM);
  }
}
