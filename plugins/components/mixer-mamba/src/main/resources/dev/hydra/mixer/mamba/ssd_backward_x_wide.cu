// What fetches for them, and the kernel; what a block is, is in ssd_backward_x_block.cu.
#if WIDE
namespace backward_x {
// By one thread: has everything brought.
__device__ __forceinline__ void fetch(const Block& k) {
  int from = k.chunk * Q;
  SharedAddress projections = k.barrier(PROJECTIONS);
  barrier_expect(projections, 2 * Projection::BYTES);
#pragma unroll
  for (int n = 0; n < N; n += 64) {
    bring(k.keys().at(0, n), *k.b, projections, k.group * N + n, from, k.row);
    bring(k.queries().at(0, n), *k.c, projections, k.group * N + n, from, k.row);
  }
  Turn<STAGES> turn;
  Turn<STATE_STAGES> state_turn;
  for (int i = 0; i < k.count; i++, turn.next(), state_turn.next()) {
    int stage = turn.stage;
    bool had_c = stage >= STAGES - C_STAGES;
    barrier_wait(k.barrier(EMPTY + stage), turn.phase ^ (had_c ? 0 : 1));
    SharedAddress full = k.barrier(FULL + stage);
    SharedAddress numbers = k.at(NUMBERS + stage * TOKENS);
    int head = k.head(i);
    Long token = (Long)(k.row * k.heads + head) * k.chunks * Q + from;
    barrier_expect(full, STAGE + TOKENS);
    bring(k.values(stage).data, *k.x, full, k.column(i), from, k.row);
    bring(k.gradients(stage).data, *k.dy, full, k.column(i), from, k.row);
    bring(numbers, k.step + token, full, Q * 4);
    bring(numbers + Q * 4, k.logs + token, full, Q * 4);

    barrier_wait(k.barrier(STATE_EMPTY + state_turn.stage), state_turn.phase ^ 1);
    SharedAddress state_full = k.barrier(STATE_FULL + state_turn.stage);
    barrier_expect(state_full, State::BYTES);
    int line = (k.row * k.chunks + k.chunk) * k.heads * P + k.column(i);
#pragma unroll
    for (int n = 0; n < N; n += 64) bring(k.state(state_turn.stage).at(0, n), *k.after, state_full, n, line, 0);
  }
}
}  // namespace backward_x
extern "C" __device__ const int ssd_backward_x_bytes = backward_x::BYTES;
extern "C" __device__ const int ssd_backward_x_waits = 1;

extern "C" __global__ void __launch_bounds__(backward_x::WORKERS, 1) ssd_backward_x(
    const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap dy, const __grid_constant__ TensorMap b,
    const __grid_constant__ TensorMap c, const float* step, const float* logs, const int* first,
    const __grid_constant__ TensorMap after, const float* skip, const __grid_constant__ TensorMap dx, float* d_scores,
    float* flow, float* kept, float* direct, float* skipped, Long time, Long heads, Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace backward_x;
  // Each team finds it out for itself: what is kept over a branch takes the registers of all.
  auto block = [&]() {
    Block k = {&x, &dy, &b, &c, &after, &dx, step, logs, skip, d_scores, flow, kept, direct, skipped, (int)heads};
    int split = blockIdx.y % (int)splits;
    int groups = gridDim.y / (int)splits;
    k.chunks = gridDim.x;
    k.chunk = blockIdx.x;
    k.row = blockIdx.z;
    k.group = blockIdx.y / (int)splits;
    int per_split = ((int)shared + (int)splits - 1) / (int)splits;
    int begin = split * per_split;
    int end = begin + per_split < (int)shared ? begin + per_split : (int)shared;
    k.begin = k.group * (int)shared + begin;
    k.count = (end - begin) * P_TILES;
    k.d_scores += ((((Long)split * gridDim.z + k.row) * k.chunks + k.chunk) * groups + k.group) * Q * Q;
    k.base = begin_panels(SHARED);
    return k;
  };
  {
    Block k = block();
    if (threadIdx.x == 0) {
      barrier_init(k.barrier(PROJECTIONS), 1);
      for (int s = 0; s < STAGES; s++) {
        barrier_init(k.barrier(FULL + s), 1);
        barrier_init(k.barrier(EMPTY + s), 12);  // warps
      }
      for (int s = 0; s < STATE_STAGES; s++) {
        barrier_init(k.barrier(STATE_FULL + s), 1);
        barrier_init(k.barrier(STATE_EMPTY + s), 8);
      }
      for (int s = 0; s < 2; s++) {
        barrier_init(k.barrier(HANDED + s), 4);
        barrier_init(k.barrier(TAKEN + s), 8);
      }
      barriers_publish();
    }
    if (DOCUMENTS && threadIdx.x < Q) {
      ((int*)(k.base + STARTS))[threadIdx.x] = first[((Long)k.row * k.chunks + k.chunk) * Q + threadIdx.x];
    }
    __syncthreads();
  }
  int team = uniform(threadIdx.x / TEAM);
  if (team == FETCH) {
    fewer_registers<32>();
    if (threadIdx.x == FETCH * TEAM) fetch(block());
  } else {
    more_registers<160>();
    Block k = block();
    if (team == EARLY) {
      work<EARLY>(k);
    } else if (team == BESIDE) {
      work<BESIDE>(k);
    } else {
      work<LATE>(k);
    }
  }
}
#endif
