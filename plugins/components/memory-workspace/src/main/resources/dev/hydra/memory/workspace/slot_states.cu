// The slots of a workspace, chunk after chunk:
//
//   states[0] = initial
//   states[i + 1] = (1 - gate[i]) states[i] + gate[i] tanh(summary[i]),  or initial where reset[i]
//
// A thread has an element of a slot and walks over the chunks, AHEAD of them fetched at once.
//
// Compile-time options (-D): DIM, elements of a slot, a multiple of 32.
//
// Launch both: grid (batch * slots * DIM / 128, rounded up), 128 threads.
//
//   summary  fp32 [batch, chunks, slots, DIM], gate fp32 [batch, chunks, slots]
//   initial  fp32 [batch, slots, DIM]
//   reset    bool [batch, chunks] or null: nowhere
//   states   fp32 [batch, chunks + 1, slots, DIM]
typedef long long Long;
static_assert(DIM % 32 == 0, "see above");

constexpr int AHEAD = 16;
constexpr int THREADS = 128;

extern "C" __global__ void __launch_bounds__(THREADS) slot_states(
    const float* summary, const float* gate, const float* initial, const unsigned char* reset,
    float* states, Long elements, int chunks, int slots) {
  Long element = (Long)blockIdx.x * THREADS + threadIdx.x;
  if (element >= elements) return;
  int size = slots * DIM;
  Long row = element / size;
  int at = (int)(element % size);
  summary += row * chunks * size + at;
  gate += row * chunks * slots + at / DIM;
  states += row * (chunks + 1) * size + at;
  if (reset != nullptr) reset += row * chunks;

  float first = initial[element];
  float state = first;
  states[0] = first;
  for (int base = 0; base < chunks; base += AHEAD) {
    float found[AHEAD];
    float open[AHEAD];
    bool anew[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      bool some = base + k < chunks;
      found[k] = some ? summary[(Long)(base + k) * size] : 0.0f;
      open[k] = some ? gate[(Long)(base + k) * slots] : 0.0f;
      anew[k] = some && reset != nullptr && reset[base + k];
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      state = anew[k] ? first : state + open[k] * (tanhf(found[k]) - state);
      if (base + k < chunks) states[(Long)(base + k + 1) * size] = state;
    }
  }
}

//   arriving          fp32 [batch, chunks + 1, slots, DIM], the gradient of the states
//   summary_gradient  fp32 [batch, chunks, slots, DIM]
//   gate_products     fp32 [batch, chunks, slots, DIM / 32], to be summed over the last dimension
//   initial_gradient  fp32 [batch, slots, DIM]
extern "C" __global__ void __launch_bounds__(THREADS) slot_states_backward(
    const float* arriving, const float* states, const float* summary, const float* gate,
    const unsigned char* reset, float* summary_gradient, float* gate_products,
    float* initial_gradient, Long elements, int chunks, int slots) {
  Long element = (Long)blockIdx.x * THREADS + threadIdx.x;
  if (element >= elements) return;  // whole warps: elements are a multiple of 32
  int size = slots * DIM;
  Long row = element / size;
  int at = (int)(element % size);
  arriving += row * (chunks + 1) * size + at;
  states += row * (chunks + 1) * size + at;
  summary += row * chunks * size + at;
  summary_gradient += row * chunks * size + at;
  gate += row * chunks * slots + at / DIM;
  gate_products += (row * chunks * size + at) / 32;
  if (reset != nullptr) reset += row * chunks;

  float of_first = 0.0f;
  float later = 0.0f;  // what arrives at a state from the next one
  for (int base = chunks - 1; base >= 0; base -= AHEAD) {
    float own[AHEAD];
    float before[AHEAD];
    float found[AHEAD];
    float open[AHEAD];
    bool anew[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int i = base - k;
      bool some = i >= 0;
      own[k] = some ? arriving[(Long)(i + 1) * size] : 0.0f;
      before[k] = some ? states[(Long)i * size] : 0.0f;
      found[k] = some ? summary[(Long)i * size] : 0.0f;
      open[k] = some ? gate[(Long)i * slots] : 0.0f;
      anew[k] = some && reset != nullptr && reset[i];
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int i = base - k;
      float change = own[k] + later;
      float content = tanhf(found[k]);
      float product = anew[k] ? 0.0f : change * (content - before[k]);
      float of_summary = anew[k] ? 0.0f : change * open[k] * (1.0f - content * content);
      if (anew[k]) of_first += change;
      later = anew[k] ? 0.0f : change - change * open[k];
#pragma unroll
      for (int mask = 16; mask > 0; mask /= 2) product += __shfl_xor_sync(0xffffffffu, product, mask);
      if (i >= 0) {
        summary_gradient[(Long)i * size] = of_summary;
        if (at % 32 == 0) gate_products[(Long)i * (size / 32)] = product;
      }
    }
  }
  initial_gradient[element] = arriving[0] + later + of_first;
}
