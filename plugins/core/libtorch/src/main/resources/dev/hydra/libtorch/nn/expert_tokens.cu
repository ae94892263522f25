// A few tokens through the SwiGLU experts that were chosen for them, matrices read as they lie: for a
// pair, choice j of a token, of expert e,
//
//   hidden[pair] = silu(gate_e x) * (up_e x),   y = sum over pairs of weight down_e hidden[pair] + other
//
// A warp computes one number, of one pair in the first kernel, of one token in the second: nothing
// depends on how many tokens there are. Choices of experts that do not exist add nothing.
//
//   x        [tokens, width], stride x_row, 1
//   chosen   int64 [pairs], weights fp32 [pairs], by token and choice
//   gate_up  [experts, 2 * hidden, width], the gate first; down [experts, width, hidden]
//   units    [pairs, hidden], what comes of the first kernel
//   other    [tokens, width] or null; y [tokens, width]
//
// Element is the type of all but the weights of choices. VECTOR elements are read at once: width,
// hidden and addresses are multiples of it.
typedef long long Long;

#define THREADS 256  // FusedExperts launches so many
constexpr int WARPS = THREADS / 32;
constexpr int STEP = 32 * VECTOR;  // what a warp reads at once
constexpr int BURST = 4;           // loads of a matrix that are on their way at once

// Reads some of a row of a matrix; beyond its end are zeros.
__device__ __forceinline__ void fetch(
    const Element* row, int from, int size, Vector<Element, VECTOR> (&to)[BURST]) {
#pragma unroll
  for (int b = 0; b < BURST; b++)
    to[b] = from + b * STEP < size ? load<VECTOR>(row + from + b * STEP) : zeros<Element, VECTOR>();
}

extern "C" __device__ const int expert_units_waits = 1;

// Launch: grid (hidden / WARPS, rounded up, pairs).
extern "C" __global__ void __launch_bounds__(THREADS) expert_units(
    const Element* x, Long x_row, const Long* chosen, const Element* gate_up,
    Element* __restrict__ units, int width, int hidden, int experts, int choices) {
  launch_dependents();
  wait_for_prerequisites();
  int unit = blockIdx.x * WARPS + threadIdx.x / 32;
  if (unit >= hidden) return;
  Long expert = chosen[blockIdx.y];
  bool there = expert >= 0 && expert < experts;
  const Element* gate = gate_up + ((there ? expert : 0) * 2 * hidden + unit) * width;
  const Element* up = gate + (Long)hidden * width;
  x += blockIdx.y / choices * x_row;
  float of_gate = 0.f, of_up = 0.f;
  for (int from = threadIdx.x % 32 * VECTOR; from < width; from += BURST * STEP) {
    Vector<Element, VECTOR> gates[BURST], ups[BURST];
    fetch(gate, from, width, gates);
    fetch(up, from, width, ups);
#pragma unroll
    for (int b = 0; b < BURST; b++) {
      if (from + b * STEP >= width) break;
      float g[VECTOR], u[VECTOR], values[VECTOR];
      gates[b].unpack(g);
      ups[b].unpack(u);
      load_floats<VECTOR>(x + from + b * STEP, values);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) {
        of_gate += g[v] * values[v];
        of_up += u[v] * values[v];
      }
    }
  }
  of_gate = sum_lanes(of_gate);
  of_up = sum_lanes(of_up);
  if (threadIdx.x % 32 == 0)
    from_float(there ? silu(of_gate) * of_up : 0.f, units[(Long)blockIdx.y * hidden + unit]);
}

extern "C" __device__ const int expert_outputs_waits = 1;

// Launch: grid (width / WARPS, rounded up, tokens).
extern "C" __global__ void __launch_bounds__(THREADS) expert_outputs(
    const Element* units, const Long* chosen, const float* weights, const Element* down,
    const Element* other, Element* __restrict__ y, int width, int hidden, int experts, int choices) {
  launch_dependents();
  wait_for_prerequisites();
  int channel = blockIdx.x * WARPS + threadIdx.x / 32;
  if (channel >= width) return;
  Long pair = (Long)blockIdx.y * choices;
  float sum = 0.f;
#pragma unroll 2
  for (int j = 0; j < choices; j++) {
    Long expert = chosen[pair + j];
    bool there = expert >= 0 && expert < experts;
    const Element* row = down + ((there ? expert : 0) * width + channel) * hidden;
    const Element* own = units + (pair + j) * hidden;
    float product = 0.f;
    for (int from = threadIdx.x % 32 * VECTOR; from < hidden; from += BURST * STEP) {
      Vector<Element, VECTOR> parts[BURST];
      fetch(row, from, hidden, parts);
#pragma unroll
      for (int b = 0; b < BURST; b++) {
        if (from + b * STEP >= hidden) break;
        float w[VECTOR], values[VECTOR];
        parts[b].unpack(w);
        load_floats<VECTOR>(own + from + b * STEP, values);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) product += w[v] * values[v];
      }
    }
    if (there) sum += weights[pair + j] * product;
  }
  sum = sum_lanes(sum);
  if (threadIdx.x % 32 != 0) return;
  Long at = (Long)blockIdx.y * width + channel;
  if (other != nullptr) sum += to_float(other[at]);
  from_float(sum, y[at]);
}
