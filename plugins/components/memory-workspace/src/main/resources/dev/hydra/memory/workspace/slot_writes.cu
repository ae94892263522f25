// What chunks write to slots: equations (1) to (3) of Workspace and the tanh of what a slot found.
//
//   weight[t, h, s] = softmax over the tokens t of a chunk of keys[t, h, s]
//   z[s, h, d]      = sum over t of weight[t, h, s] values[t, h, d]
//   gate[s] = sigmoid(w[s] . z[s] + bias[s]),   content[s] = tanh(z[s])
//
// Launch: grid (chunks, batch), 256 threads, slot_writes_bytes of dynamic shared memory. Options: see
// slot_chunk.cu.
//
//   keys     [batch, at least chunks * CHUNK, HEADS * SLOTS], strides keys_batch, keys_row, 1
//   values   [batch, at least chunks * CHUNK, DIM], strides values_batch, values_row, 1
//   w, bias  fp32 [SLOTS, DIM], [SLOTS]
//   content  fp32 [batch, chunks, SLOTS, DIM], gate fp32 [batch, chunks, SLOTS]
//
// DECODING 1: a row has one chunk, which takes the newest token of a text in, in place, at its
// position modulo CHUNK. Only a chunk that is complete with it writes, and the slots are changed in
// place. DECODING 0: every chunk; these are not used.
//
//   positions   int64 [batch]: the tokens of each text before the newest
//   new_keys    [batch, HEADS * SLOTS], new_values [batch, DIM]
//   slots       fp32 [batch, SLOTS, DIM]: slots += gate (content - slots)
#ifndef DECODING
#define DECODING 0
#endif

extern "C" __device__ const int slot_writes_bytes = (SCORE_FLOATS + VALUE_FLOATS) * 4;

extern "C" __device__ const int slot_writes_waits = 1;

extern "C" __global__ void __launch_bounds__(CREW) slot_writes(
    Element* keys, Long keys_batch, Long keys_row, Element* values, Long values_batch,
    Long values_row, const float* w, const float* bias, float* __restrict__ content,
    float* __restrict__ gate, const Long* positions, const Element* new_keys,
    const Element* new_values, float* slots) {
  launch_dependents();
  wait_for_prerequisites();
  float* scores = (float*)SHARED;
  float* found = scores + SCORE_FLOATS;
  Long chunk = (Long)blockIdx.y * gridDim.x + blockIdx.x;
  keys += blockIdx.y * keys_batch + (Long)blockIdx.x * CHUNK * keys_row;
  values += blockIdx.y * values_batch + (Long)blockIdx.x * CHUNK * values_row;
  if (DECODING) {
    Long position = positions[blockIdx.y], token = position % CHUNK;
    if (token < 0) token += CHUNK;  // a row that is idle
    for (int i = threadIdx.x; i < HEADS * SLOTS; i += CREW)
      keys[token * keys_row + i] = new_keys[blockIdx.y * (Long)(HEADS * SLOTS) + i];
    for (int i = threadIdx.x; i < DIM; i += CREW)
      values[token * values_row + i] = new_values[blockIdx.y * (Long)DIM + i];
    if (!completes(position)) return;
  }
  content += chunk * SLOTS * DIM;
  float open[ITEMS][2];
#pragma unroll
  for (int k = 0; k < ITEMS; k++) open[k][0] = open[k][1] = 0.f;
  for (int head = 0; head < HEADS; head++) {
    __syncthreads();
    fetch_head(keys + head * SLOTS, keys_row, values + head * HEAD, values_row, scores, found);
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
      int tile = threadIdx.x + k * CREW;
      if (tile < TILES) {
        float z[2][4];
        find(scores, found, tile, z);
#pragma unroll
        for (int i = 0; i < 2; i++) {
          int at = (tile / QUADS * 2 + i) * DIM + head * HEAD + tile % QUADS * 4;
          float4 own = *(const float4*)(w + at);
          open[k][i] += z[i][0] * own.x + z[i][1] * own.y + z[i][2] * own.z + z[i][3] * own.w;
          *(float4*)(content + at) =
              make_float4(tanhf(z[i][0]), tanhf(z[i][1]), tanhf(z[i][2]), tanhf(z[i][3]));
        }
      }
    }
  }
#pragma unroll
  for (int k = 0; k < ITEMS; k++) {
    int tile = threadIdx.x + k * CREW;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float sum = open[k][i];
      sum = sum_lanes<QUADS>(sum);
      int slot = tile / QUADS * 2 + i;
      if (tile < TILES && tile % QUADS == 0)
        gate[chunk * SLOTS + slot] = 1.f / (1.f + exp2_fast(-LOG2_E * (sum + bias[slot])));
    }
  }
  if (!DECODING) return;
  __syncthreads();
  slots += (Long)blockIdx.y * SLOTS * DIM;
#pragma unroll 4
  for (int at = threadIdx.x; at < SLOTS * DIM; at += CREW) {
    float from = slots[at];
    slots[at] = from + gate[chunk * SLOTS + at / DIM] * (content[at] - from);
  }
}
