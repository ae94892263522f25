// What chunks write to slots, as slot_writes.cu computes it, in bfloat16 by tensor cores: all heads of
// a chunk side by side, 16 slots of a head a warp.
//
// Launch: grid (chunks, batch), slot_writes_tiles_threads threads, slot_writes_tiles_bytes of dynamic
// shared memory. Options: see slot_tiles.cu. Tensors: see slot_writes.cu; keys and values are bf16.

constexpr int UNITS_OF_CHUNK = HEADS * SLOT_TILES;
constexpr int WARPS = UNITS_OF_CHUNK < 16 ? UNITS_OF_CHUNK : 16;
constexpr int CREW = 32 * WARPS;
constexpr int HEAD_BYTES = Keys::BYTES + Values::BYTES;

extern "C" __device__ const int slot_writes_tiles_threads = CREW;
extern "C" __device__ const int slot_writes_tiles_bytes = HEADS * (HEAD_BYTES + SLOTS * 4);
extern "C" __device__ const int slot_writes_tiles_waits = 1;

extern "C" __global__ void __launch_bounds__(CREW) slot_writes_tiles(
    const Element* keys, Long keys_batch, Long keys_row, const Element* values, Long values_batch,
    Long values_row, const float* w, const float* bias, float* __restrict__ content,
    float* __restrict__ gate) {
  wait_for_prerequisites();
  Long chunk = (Long)blockIdx.y * gridDim.x + blockIdx.x;
  keys += blockIdx.y * keys_batch + (Long)blockIdx.x * CHUNK * keys_row;
  values += blockIdx.y * values_batch + (Long)blockIdx.x * CHUNK * values_row;
  content += chunk * SLOTS * DIM;
  float* opens = (float*)(SHARED + HEADS * HEAD_BYTES);  // [HEADS][SLOTS]
#pragma unroll 1
  for (int head = 0; head < HEADS; head++) {
    Keys(SHARED + head * HEAD_BYTES).load<CREW>(keys + head * SLOTS, keys_row, CHUNK, threadIdx.x);
    Values(SHARED + head * HEAD_BYTES + Keys::BYTES)
        .load<CREW>(values + head * HEAD, values_row, CHUNK, threadIdx.x);
  }
  copies_arrive();
  int lane = threadIdx.x % 32, g = lane / 4, c = lane % 4 * 2;
  for (int unit = threadIdx.x / 32; unit < UNITS_OF_CHUNK; unit += WARPS) {
    int head = unit / SLOT_TILES, slot = unit % SLOT_TILES * 16;
    Keys own(SHARED + head * HEAD_BYTES);
    Values of_head(SHARED + head * HEAD_BYTES + Keys::BYTES);
    Weights weights;
    Sums found[HEAD_TILES];
    weigh(own, slot, lane, weights);
    find(weights, of_head, lane, found);
    float open[2] = {0.f, 0.f};
#pragma unroll
    for (int n = 0; n < HEAD_TILES; n++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
#pragma unroll
        for (int r = 0; r < 2; r++) {
          float first = found[n][half][2 * r], second = found[n][half][2 * r + 1];
          int at = (slot + g + 8 * r) * DIM + head * HEAD + 16 * n + 8 * half + c;
          float2 weight = *(const float2*)(w + at);
          open[r] += first * weight.x + second * weight.y;
          *(float2*)(content + at) = make_float2(tanhf(first), tanhf(second));
        }
      }
    }
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float sum = sum_quad(open[r]);
      if (c == 0) opens[head * SLOTS + slot + g + 8 * r] = sum;
    }
  }
  __syncthreads();
  for (int slot = threadIdx.x; slot < SLOTS; slot += CREW) {
    float sum = bias[slot];
#pragma unroll
    for (int head = 0; head < HEADS; head++) sum += opens[head * SLOTS + slot];
    gate[chunk * SLOTS + slot] = 1.f / (1.f + exp2_fast(-LOG2_E * sum));
  }
}
