// The slots of a workspace, chunk after chunk:
//
//   states[0] = initial
//   states[i + 1] = (1 - gate[i]) from + gate[i] content[i],  from = first[i] ? initial : states[i]
//
// A thread has an element of a slot and walks over the chunks, some of them at once: the next ones are
// on their way while these are computed.
//
// Compile-time options (-D): DIM, elements of a slot, a multiple of 32.
//
// Launch both: grid (batch * slots * DIM / 128, rounded up), 128 threads.
//
//   content  fp32 [batch, chunks, slots, DIM], gate fp32 [batch, chunks, slots]
//   initial  fp32 [batch, slots, DIM]
//   first    bool [batch, chunks]: which chunks begin anew; or null: none but the first of a row
//   states   fp32 [batch, chunks + 1, slots, DIM]
typedef long long Long;
static_assert(DIM % 32 == 0, "see above");

constexpr int FORWARD_AHEAD = 16;
constexpr int BACKWARD_AHEAD = 8;  // of more numbers each
constexpr int THREADS = 128;

// What a thread reads of some chunks.
template <int COUNT>
struct Step {
  float content[COUNT];
  float open[COUNT];
  bool anew[COUNT];
};

extern "C" __device__ const int slot_states_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) slot_states(
    const float* content, const float* gate, const float* initial, const unsigned char* first,
    float* __restrict__ states, Long elements, int chunks, int slots) {
  wait_for_prerequisites();
  constexpr int AHEAD = FORWARD_AHEAD;
  Long element = (Long)blockIdx.x * THREADS + threadIdx.x;
  if (element >= elements) return;
  int size = slots * DIM;
  Long row = element / size;
  int at = (int)(element % size);
  content += row * chunks * size + at;
  gate += row * chunks * slots + at / DIM;
  states += row * (chunks + 1) * size + at;
  if (first != nullptr) first += row * chunks;

  auto fetch = [&](int base) {
    Step<AHEAD> step;
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      bool some = base + k < chunks;
      step.content[k] = some ? content[(Long)(base + k) * size] : 0.0f;
      step.open[k] = some ? gate[(Long)(base + k) * slots] : 0.0f;
      step.anew[k] = some && first != nullptr && first[base + k];
    }
    return step;
  };

  float start = initial[element];
  float state = start;
  states[0] = start;
  Step<AHEAD> next = fetch(0);
  for (int base = 0; base < chunks; base += AHEAD) {
    Step<AHEAD> now = next;
    next = fetch(base + AHEAD);
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      float from = now.anew[k] ? start : state;
      state = from + now.open[k] * (now.content[k] - from);
      if (base + k < chunks) states[(Long)(base + k + 1) * size] = state;
    }
  }
}

//   arriving          fp32 [batch, chunks + 1, slots, DIM], the gradient of the states
//   content_gradient  fp32 [batch, chunks, slots, DIM]
//   gate_products     fp32 [batch, chunks, slots, DIM / 32], to be summed over the last dimension
//   initial_gradient  fp32 [batch, slots, DIM]
extern "C" __global__ void __launch_bounds__(THREADS) slot_states_backward(
    const float* __restrict__ arriving, const float* __restrict__ states,
    const float* __restrict__ content, const float* __restrict__ gate,
    const float* __restrict__ initial, const unsigned char* __restrict__ first,
    float* __restrict__ content_gradient,
    float* __restrict__ gate_products, float* __restrict__ initial_gradient, Long elements,
    int chunks, int slots) {
  Long element = (Long)blockIdx.x * THREADS + threadIdx.x;
  if (element >= elements) return;  // whole warps: elements are a multiple of 32
  int size = slots * DIM;
  Long row = element / size;
  int at = (int)(element % size);
  arriving += row * (chunks + 1) * size + at;
  states += row * (chunks + 1) * size + at;
  content += row * chunks * size + at;
  content_gradient += row * chunks * size + at;
  gate += row * chunks * slots + at / DIM;
  gate_products += (row * chunks * size + at) / 32;
  if (first != nullptr) first += row * chunks;

  constexpr int AHEAD = BACKWARD_AHEAD;
  struct Back : Step<AHEAD> {
    float own[AHEAD];
    float before[AHEAD];
  };
  auto fetch = [&](int base) {
    Back step;
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int i = base - k;
      bool some = i >= 0;
      step.own[k] = some ? arriving[(Long)(i + 1) * size] : 0.0f;
      step.before[k] = some ? states[(Long)i * size] : 0.0f;
      step.content[k] = some ? content[(Long)i * size] : 0.0f;
      step.open[k] = some ? gate[(Long)i * slots] : 0.0f;
      step.anew[k] = some && first != nullptr && first[i];
    }
    return step;
  };

  float start = initial[element];
  float of_start = 0.0f;
  float later = 0.0f;  // what arrives at a state from the next one
  Back next = fetch(chunks - 1);
  for (int base = chunks - 1; base >= 0; base -= AHEAD) {
    Back now = next;
    next = fetch(base - AHEAD);
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int i = base - k;
      float change = now.own[k] + later;
      float product = change * (now.content[k] - (now.anew[k] ? start : now.before[k]));
      float of_content = change * now.open[k];
      float of_from = change - of_content;
      if (now.anew[k]) of_start += of_from;
      later = now.anew[k] ? 0.0f : of_from;
      product = sum_lanes(product);
      if (i >= 0) {
        content_gradient[(Long)i * size] = of_content;
        if (at % 32 == 0) gate_products[(Long)i * (size / 32)] = product;
      }
    }
  }
  initial_gradient[element] = arriving[0] + later + of_start;
}
