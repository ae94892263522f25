// Where the tokens of a mixture of experts go: a stable counting sort of their choices by one block.
//
// A pair is one of the k choices of a unit (a token, or some that are routed together). Choices of
// experts that do not exist go to the end.
//
// Launch: grid (1), 1024 threads. At most 256 experts.
//
//   chosen  int64 [pairs]: the expert of each
//   order   int64 [pairs]: the pair at each place
//   places  int64 [pairs]: the place of each pair
//   ends    int32 [experts]: where the rows of each expert end, `span` for each place
typedef long long Long;

constexpr int WARPS = 32;
constexpr int MOST = 256 + 1;
constexpr unsigned ALL = 0xffffffffu;

extern "C" __device__ const int expert_places_waits = 1;

extern "C" __global__ void __launch_bounds__(32 * WARPS) expert_places(
    const Long* chosen, Long* order, Long* places, int* ends, int pairs, int experts, int span) {
  wait_for_prerequisites();
  __shared__ int begins[MOST + WARPS];
  int lane = threadIdx.x & 31;
  int warp = threadIdx.x >> 5;
  // A task is a class (an expert, or none of them) in a segment of the pairs; tasks lie in the
  // order of the places.
  int classes = experts + 1;
  int segments = WARPS / classes > 1 ? WARPS / classes : 1;
  int tasks = classes * segments;
  int length = (pairs + segments - 1) / segments;
  auto class_of = [&](int pair, int end) {
    if (pair >= end) return -1;
    Long expert = chosen[pair];
    return expert < 0 || expert >= experts ? experts : (int)expert;
  };

  for (int task = warp; task < tasks; task += WARPS) {
    int from = task % segments * length;
    int end = from + length < pairs ? from + length : pairs;
    int count = 0;
#pragma unroll 8
    for (int base = from; base < end; base += 32) {
      count += __popc(__ballot_sync(ALL, class_of(base + lane, end) == task / segments));
    }
    if (lane == 0) begins[task] = count;
  }
  __syncthreads();
  if (warp == 0) {
    int sum = 0;
    for (int base = 0; base < tasks; base += 32) {
      int task = base + lane;
      int count = task < tasks ? begins[task] : 0;
      int through = sum_up_to(lane, count) + sum;  // those of the tasks up to this one
      sum = from_lane(through, 31);
      if (task < tasks) {
        begins[task] = through - count;
        int expert = task / segments;
        if (expert < experts && task % segments == segments - 1) ends[expert] = through * span;
      }
    }
  }
  __syncthreads();
  for (int task = warp; task < tasks; task += WARPS) {
    int from = task % segments * length;
    int end = from + length < pairs ? from + length : pairs;
    int begin = begins[task];
#pragma unroll 8
    for (int base = from; base < end; base += 32) {
      bool own = class_of(base + lane, end) == task / segments;
      unsigned mask = __ballot_sync(ALL, own);
      if (own) {
        int place = begin + __popc(mask & ((1u << lane) - 1u));
        places[base + lane] = place;
        order[place] = base + lane;
      }
      begin += __popc(mask);
    }
  }
}
