// ssd_backward_states where four warps issue products together; what it computes is in ssd_backward_projections.cu.
// One block makes dC and dB, by two times four warps each, so that all it needs is read once.
//
// One thread has hardware bring dy, x and states of the heads to come. Warps meet only at barriers in shared memory,
// so none waits for the others before it goes on to a head that is there. Heads are taken from the last one on:
// ssd_backward_x ends with these, so that of the last ones x, dy and gradients of states are still in the L2 cache.
//
// Launch: grid (chunks, groups * splits * N_TILES, batch), backward_states::WORKERS = 512 threads, dynamic shared
// memory backward_states::BYTES. Tensors as there, but for
//
//   x, dy          boxes of CHUNK rows of [batch, time, heads HEAD_DIM]
//   c              boxes of CHUNK rows of [batch, time, groups STATE]
//   before, after  boxes of 64 rows of [batch chunks heads HEAD_DIM, STATE]
#if WIDE
namespace backward_states {
constexpr int WORKERS = 512;
constexpr int STAGES = 3;  // of dy, x and states
typedef WideTile<Q, NT> Projection;
typedef WideTile<Q, PT> Values;
typedef WideTile<PT, NT> State;
constexpr int SIDE = Values::BYTES + State::BYTES;  // dy and the states before, or x and the gradients of those after
constexpr int STAGE = 2 * SIDE;
constexpr int B_WARPS = WORKERS / 64;
static_assert(PT == 64, "rows of a box");

// What lies where, from a multiple of 1024 bytes on.
constexpr int FIRST = Projection::BYTES;                    // after C
constexpr int WARP_SUMS = FIRST + STAGES * STAGE;           // [stage][warp]
constexpr int BARRIERS = WARP_SUMS + STAGES * B_WARPS * 4;
enum Barrier {
  PROJECTIONS,            // C is there
  FULL,                   // a stage is there; the first of STAGES
  EMPTY = FULL + STAGES,  // all have read it
  COUNT = EMPTY + STAGES
};
constexpr int BYTES = SLACK + BARRIERS + COUNT * 8;
static_assert(BYTES <= 232448, "shared memory of a block");

__device__ __forceinline__ float dot(unsigned a, unsigned b, float sum) {
  return sum + low_bf16(a) * low_bf16(b) + high_bf16(a) * high_bf16(b);
}
}  // namespace backward_states
extern "C" __device__ const int ssd_backward_states_bytes = backward_states::BYTES;
extern "C" __device__ const int ssd_backward_states_waits = 1;

extern "C" __global__ void __launch_bounds__(backward_states::WORKERS, 1) ssd_backward_states(
    const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap dy, const __grid_constant__ TensorMap c,
    const float* from_start, const float* to_end, const __grid_constant__ TensorMap before,
    const __grid_constant__ TensorMap after, float* sums, float* carried, float* through, Long time, Long heads,
    Long shared, Long splits) {
  wait_for_prerequisites();
  using namespace backward_states;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = uniform(thread >> 5);
  bool to_b = warp >= B_WARPS;
  bool fetches = thread == 0;
  int half = warp / 4 % 2 * (Q / 2);
  int strip = half + warp % 4 * 16;
  int t2 = 2 * (lane & 3);
  int here = strip + (lane >> 2);
  int chunks = gridDim.x;
  int chunk = blockIdx.x;
  int batch = gridDim.z;
  int row = blockIdx.z;
  int n_tile = blockIdx.y % N_TILES;
  int split = blockIdx.y / N_TILES % (int)splits;
  int group = blockIdx.y / N_TILES / (int)splits;
  int groups = gridDim.y / N_TILES / (int)splits;
  int per_split = ((int)shared + (int)splits - 1) / (int)splits;
  int begin = split * per_split;
  int end = begin + per_split < (int)shared ? begin + per_split : (int)shared;
  int count = (end - begin) * P_TILES;
  int from = chunk * Q;
  Long padded = (Long)chunks * Q;
  begin += group * (int)shared;
  char* base = begin_panels(SHARED);
  auto barrier = [&](int which) { return shared_address(base + BARRIERS + which * 8); };
  auto tile = [&](int i) { return (((Long)row * heads + begin) * P_TILES + i) * N_TILES + n_tile; };
  auto fetch = [&](int i, int stage) {
    if (i < 0) return;
    SharedAddress full = barrier(FULL + stage);
    SharedAddress to = shared_address(base + FIRST + stage * STAGE);
    int column = (begin * P_TILES + i) * PT;
    int line = (row * chunks + chunk) * (int)heads * P + column;
    State states(base + FIRST + stage * STAGE + Values::BYTES);
    barrier_expect(full, STAGE);
    bring(to, dy, full, column, from, row);
    bring(to + SIDE, x, full, column, from, row);
#pragma unroll
    for (int n = 0; n < NT; n += 64) {
      bring(states.at(0, n), before, full, n_tile * NT + n, line, 0);
      bring(states.at(0, n) + SIDE, after, full, n_tile * NT + n, line, 0);
    }
  };

  if (fetches) {
    barrier_init(barrier(PROJECTIONS), 1);
    for (int s = 0; s < STAGES; s++) {
      barrier_init(barrier(FULL + s), 1);
      barrier_init(barrier(EMPTY + s), WORKERS / 32);
    }
    barriers_publish();
    barrier_expect(barrier(PROJECTIONS), Projection::BYTES);
#pragma unroll
    for (int n = 0; n < NT; n += 64) {
      bring(Projection(base).at(0, n), c, barrier(PROJECTIONS), group * N + n_tile * NT + n, from, row);
    }
    for (int s = 0; s < STAGES - 1; s++) fetch(count - 1 - s, s);
  }
  __syncthreads();
  Projection queries(base);
  const float* weights = (to_b ? to_end : from_start) + ((Long)row * heads + begin) * padded + from + here;
  auto weights_of = [&](int i) { return weights + i / P_TILES * padded; };
  float next_weight[2] = {weights_of(count - 1)[0], weights_of(count - 1)[8]};
  Sums sum[NT / 64][4] = {};
  Turn<STAGES> turn;
  // When all warps are done with i + 1: adds up what they found, and fills its stage again.
  auto finish = [&](int i) {
    Turn<STAGES> last = turn.before();
    barrier_wait(barrier(EMPTY + last.stage), last.phase);
    if (i < count - 1) {
      const float* of_warps = (const float*)(base + WARP_SUMS) + last.stage * B_WARPS;
      float all = 0.0f;
#pragma unroll
      for (int w = 0; w < B_WARPS; w++) all += of_warps[w];
      through[tile(i + 1) * chunks + chunk] = all;
    }
    fetch(i + 1 - STAGES, last.stage);
  };
  barrier_wait(barrier(PROJECTIONS), 0);
  for (int i = count - 1; i >= 0; i--) {
    float weight[2] = {next_weight[0], next_weight[1]};
    if (i > 0) {
      next_weight[0] = weights_of(i - 1)[0];
      next_weight[1] = weights_of(i - 1)[8];
    }
    int stage = turn.stage;
    char* side = base + FIRST + stage * STAGE + (to_b ? SIDE : 0);
    Values values(side);
    State state(side + Values::BYTES);
    barrier_wait(barrier(FULL + stage), turn.phase);
    float dots[2] = {0.0f, 0.0f};
#pragma unroll
    for (int panel = 0; panel < NT / 64; panel++) {
      Sums part[4];
      products_begin();
#pragma unroll
      for (int p = 0; p < PT; p += 16) {
        multiply<false, true>(flat(part), values.along_rows(half, p), state.across_rows(p, 64 * panel), p > 0);
      }
      products_end();
      settle(flat(part));
      if (!to_b) {
        SharedAddress own = queries.at(strip + (lane & 15), 64 * panel + (lane >> 4) * 8);  // 16 columns on: ^ 32
#pragma unroll
        for (int q = 0; q < 4; q++) {
          unsigned of_c[4];
          load_matrices(of_c, own ^ (q * 32));
#pragma unroll
          for (int r = 0; r < 4; r++) {
            const float* s = part[q][r / 2] + 2 * (r % 2);
            dots[r % 2] += s[0] * low_bf16(of_c[r]) + s[1] * high_bf16(of_c[r]);
          }
        }
      }
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[panel][n / 2][n % 2][e] += weight[e / 2] * part[n / 2][n % 2][e];
      }
      if (panel == 0) {
        if (fetches) finish(i);
        __syncwarp();
      }
    }
    if (!to_b) {
#pragma unroll
      for (int second = 0; second < 2; second++) {
        float all = sum_quad(dots[second]) * weight[second];
        if (t2 == 0) carried[tile(i) * padded + from + here + 8 * second] = all;
      }
    } else {  // here, so that both kinds of warps have as much to do
      SharedAddress mine = state.data + (thread - WORKERS / 2) * 16;
      SharedAddress theirs = mine - SIDE;
      float product = 0.0f;
#pragma unroll
      for (int k = 0; k < State::BYTES / (WORKERS / 2 * 16); k++) {
        uint4 a = load_shared(mine + k * (WORKERS / 2 * 16));
        uint4 z = load_shared(theirs + k * (WORKERS / 2 * 16));
        product = dot(a.x, z.x, dot(a.y, z.y, dot(a.z, z.z, dot(a.w, z.w, product))));
      }
      product = sum_between<1, 32>(product);
      if (lane == 0) ((float*)(base + WARP_SUMS))[stage * B_WARPS + warp - B_WARPS] = product;
    }
    warp_arrives(barrier(EMPTY + stage), lane);
    turn.next();
  }
  if (fetches) finish(-1);
  sums += ((((Long)(to_b ? splits : 0) + split) * batch + row) * groups + group) * padded * N;
#pragma unroll
  for (int n = 0; n < NT / 8; n++) {
    float* at = sums + (from + here) * N + n_tile * NT + 8 * n + t2;
    const float* s = sum[n / 8][n % 8 / 2][n % 2];
    *(float2*)at = make_float2(s[0], s[1]);
    *(float2*)(at + 8 * N) = make_float2(s[2], s[3]);
  }
}
#endif
