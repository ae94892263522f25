// Moves tokens to their experts and back. A pair is one of the `choices` of a unit of `span` tokens
// that are routed together; pairs sorted by expert have places, and a place has `span` rows.
//
// Launch all: grid (rows / 8, rounded up), 256 threads: a warp has a row. Width is a multiple of
// VECTOR, and every row begins at a multiple of 16 bytes.
//
//   tokens   Element [units * span, width]
//   rows     Element [pairs * span, width], by place
//   order    int64 [pairs]: the pair at each place; places int64 [pairs]: the place of each pair
//   weights  fp32 [pairs], by pair
typedef long long Long;

__device__ __forceinline__ Long own_row() { return (Long)blockIdx.x * 8 + threadIdx.x / 32; }

extern "C" __device__ const int expert_spread_waits = 1;

// rows = the tokens of each place.
extern "C" __global__ void __launch_bounds__(256) expert_spread(
    const Element* tokens, const Long* order, Element* rows, Long count, int width, int choices,
    int span) {
  wait_for_prerequisites();
  Long row = own_row();
  if (row >= count) return;
  const Element* from = tokens + (order[row / span] / choices * span + row % span) * width;
  for (int column = threadIdx.x % 32 * VECTOR; column < width; column += 32 * VECTOR) {
    *(Vector<Element, VECTOR>*)(rows + row * width + column) = load<VECTOR>(from + column);
  }
}

// With registers for 8 blocks a multiprocessor the 1,024 blocks of 8,192 tokens are all there at once on an H200; of
// itself the compiler leaves room for 6, which makes 1.3 rounds. For compute capability 8.0 so few registers spill.
#if __CUDA_ARCH__ == 900
#define COMBINE_BOUNDS 256, 8
#else
#define COMBINE_BOUNDS 256
#endif

extern "C" __device__ const int expert_combine_waits = 1;

// tokens = the sum of what the rows of each hold, times weights unless these are null, plus `other`
// [units * span, width] unless that is null.
extern "C" __global__ void __launch_bounds__(COMBINE_BOUNDS) expert_combine(
    const Element* rows, const Long* places, const float* weights, const Element* other,
    Element* tokens, Long count, int width, int choices, int span) {
  wait_for_prerequisites();
  Long token = own_row();
  if (token >= count) return;
  Long pair = token / span * choices;
  for (int column = threadIdx.x % 32 * VECTOR; column < width; column += 32 * VECTOR) {
    float sum[VECTOR];
#pragma unroll
    for (int i = 0; i < VECTOR; i++) sum[i] = 0.f;
#pragma unroll 2
    for (int choice = 0; choice < choices; choice++) {
      float weight = weights == nullptr ? 1.f : weights[pair + choice];
      float values[VECTOR];
      load_floats<VECTOR>(rows + (places[pair + choice] * span + token % span) * width + column, values);
#pragma unroll
      for (int i = 0; i < VECTOR; i++) sum[i] += weight * values[i];
    }
    if (other != nullptr) {
      float values[VECTOR];
      load_floats<VECTOR>(other + token * width + column, values);
#pragma unroll
      for (int i = 0; i < VECTOR; i++) sum[i] += values[i];
    }
    store<Element, VECTOR>(tokens + token * width + column, sum);
  }
}

// The gradients of rows and weights: those of rows are the tokens' times the weights, those of weights
// what each row contributes, products fp32 [pairs, span], by pair, to be summed over `span`.
extern "C" __global__ void __launch_bounds__(256) expert_combine_backward(
    const Element* gradient, const Element* rows, const Long* order, const float* weights,
    Element* row_gradients, float* products, Long count, int width, int choices, int span) {
  Long row = own_row();
  if (row >= count) return;
  Long pair = order[row / span];
  float weight = weights[pair];
  const Element* from = gradient + (pair / choices * span + row % span) * width;
  float product = 0.f;
  for (int column = threadIdx.x % 32 * VECTOR; column < width; column += 32 * VECTOR) {
    float arriving[VECTOR];
    float values[VECTOR];
    load_floats<VECTOR>(from + column, arriving);
    load_floats<VECTOR>(rows + row * width + column, values);
#pragma unroll
    for (int i = 0; i < VECTOR; i++) {
      product += arriving[i] * values[i];
      arriving[i] *= weight;
    }
    store<Element, VECTOR>(row_gradients + row * width + column, arriving);
  }
  product = sum_lanes(product);
  if (threadIdx.x % 32 == 0) products[pair * span + row % span] = product;
}
