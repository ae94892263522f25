// ssd_backward_states (what it computes is in ssd_backward_projections.cu) where four warps issue products
// together. One block makes dC and dB, by two times four warps each, so that all it needs is read once.
//
// Launch: grid (chunks, groups * splits * N_TILES, batch), backward_states::WORKERS = 512 threads, dynamic shared
// memory backward_states::BYTES. Arguments as there.

// What both forms take.
#define BACKWARD_STATES_PARAMETERS                                                             \
  const Element* x, Long x_batch, Long x_time, Long x_head, const Element* dy, Long dy_batch,  \
  Long dy_time, Long dy_head, const Element* c, Long c_batch, Long c_time, Long c_group,       \
  const float* from_start, const float* to_end, const Element* before, const Element* after,   \
  float* sums, float* carried, float* through, Long time, Long heads, Long shared, Long splits

#if WIDE
namespace backward_states {
constexpr int WORKERS = 512;
constexpr int STAGES = 2;
typedef WideTile<Q, NT> Projection;
typedef WideTile<Q, PT> Values;
typedef WideTile<PT, NT> State;
constexpr int SIDE = Values::BYTES + State::BYTES;  // dy and the states before, or x and the gradients of those after
constexpr int STAGE = 2 * SIDE;
constexpr int B_WARPS = WORKERS / 64;
constexpr int BYTES = SLACK + Projection::BYTES + STAGES * STAGE + 2 * B_WARPS * 4;

__device__ __forceinline__ uint4 sixteen_bytes(SharedAddress at) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(at)
               : "memory");
  return v;
}

__device__ __forceinline__ float dot(unsigned a, unsigned b, float sum) {
  return sum + low_bf16(a) * low_bf16(b) + high_bf16(a) * high_bf16(b);
}
}  // namespace backward_states
extern "C" __device__ const int ssd_backward_states_bytes = backward_states::BYTES;
extern "C" __device__ const int ssd_backward_states_waits = 1;

extern "C" __global__ void __launch_bounds__(backward_states::WORKERS, 1) ssd_backward_states(
    BACKWARD_STATES_PARAMETERS) {
  wait_for_prerequisites();
  using namespace backward_states;
  int thread = threadIdx.x;
  int lane = thread & 31;
  int warp = __shfl_sync(0xffffffffu, thread >> 5, 0);
  bool to_b = warp >= B_WARPS;
  int half = warp / 4 % 2 * (Q / 2);
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  int here = half + warp % 4 * 16 + g;
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long batch = gridDim.z;
  Long row = blockIdx.z;
  int n_tile = blockIdx.y % N_TILES;
  Long split = blockIdx.y / N_TILES % splits;
  Long group = blockIdx.y / N_TILES / splits;
  Long groups = gridDim.y / N_TILES / splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = split * per_split;
  Long end = begin + per_split < shared ? begin + per_split : shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  int count = (int)(end - begin) * P_TILES;
  begin += group * shared;
  x += row * x_batch + from * x_time + begin * x_head;
  dy += row * dy_batch + from * dy_time + begin * dy_head;
  Long states_from = ((row * chunks + chunk) * heads + begin) * P * N + n_tile * NT;
  before += states_from;
  after += states_from;
  const float* weights = (to_b ? to_end : from_start) + (row * heads + begin) * chunks * Q + from + here;
  char* base = begin_panels(SHARED);
  char* stages = base + Projection::BYTES;
  float* warp_sums = (float*)(stages + STAGES * STAGE);  // two sets, used in turn

  auto fetch = [&](int i) {
    if (i < count) {
      char* stage = stages + i % STAGES * STAGE;
      int head = i / P_TILES;
      int p = i % P_TILES * PT;
      Values(stage).load<WORKERS>(dy + head * dy_head + p, dy_time, valid, thread);
      State(stage + Values::BYTES).load<WORKERS>(before + i * (Long)(PT * N), N, PT, thread);
      Values(stage + SIDE).load<WORKERS>(x + head * x_head + p, x_time, valid, thread);
      State(stage + SIDE + Values::BYTES).load<WORKERS>(after + i * (Long)(PT * N), N, PT, thread);
    }
    copies_commit();
  };
  auto put_through = [&](int i) {
    if (thread == 0) {
      float all = 0.0f;
#pragma unroll
      for (int w = 0; w < B_WARPS; w++) all += warp_sums[i % 2 * B_WARPS + w];
      Long tile = ((row * heads + begin) * P_TILES + i) * N_TILES + n_tile;
      through[tile * chunks + chunk] = all;
    }
  };

  Projection queries(base);
  queries.load<WORKERS>(
      c + row * c_batch + from * c_time + group * c_group + n_tile * NT, c_time, valid, thread);
#pragma unroll
  for (int i = 0; i < STAGES - 1; i++) fetch(i);
  float next_weight[2] = {weights[0], weights[8]};
  Sums sum[NT / 64][4] = {};
  for (int i = 0; i < count; i++) {
    float weight[2] = {next_weight[0], next_weight[1]};
    if (i + 1 < count) {
      const float* next = weights + (i + 1) / P_TILES * chunks * Q;
      next_weight[0] = next[0];
      next_weight[1] = next[8];
    }
    copies_wait<STAGES - 2>();
    wide_publish();
    __syncthreads();
    fetch(i + STAGES - 1);
    if (i > 0) put_through(i - 1);
    char* stage = stages + i % STAGES * STAGE;
    char* side = stage + (to_b ? SIDE : 0);
    Values values(side);
    State state(side + Values::BYTES);
    float dots[2] = {0.0f, 0.0f};
#pragma unroll
    for (int panel = 0; panel < NT / 64; panel++) {
      Sums part[4];
      products_begin();
#pragma unroll
      for (int p = 0; p < PT; p += 16) {
        multiply<true>(flat(part), values.along_rows(half, p), state.across_rows(p, 64 * panel), p > 0);
      }
      products_end();
      settle(flat(part));
      if (!to_b) {
#pragma unroll
        for (int n = 0; n < 8; n++) {
#pragma unroll
          for (int second = 0; second < 2; second++) {
            const float* s = part[n / 2][n % 2] + 2 * second;
            float c0, c1;
            queries.pair(here + 8 * second, 64 * panel + 8 * n + t2, c0, c1);
            dots[second] += s[0] * c0 + s[1] * c1;
          }
        }
      }
#pragma unroll
      for (int n = 0; n < 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sum[panel][n / 2][n % 2][e] += weight[e / 2] * part[n / 2][n % 2][e];
      }
    }
    if (!to_b) {
      Long tile = ((row * heads + begin) * P_TILES + i) * N_TILES + n_tile;
      float* at = carried + tile * chunks * Q + from + here;
#pragma unroll
      for (int second = 0; second < 2; second++) {
        float all = sum_quad(dots[second]) * weight[second];
        if (t2 == 0) at[8 * second] = all;
      }
    } else {  // here, so that both kinds of warps have as much to do
      SharedAddress mine = state.data + (thread - WORKERS / 2) * 16;
      SharedAddress theirs = mine - SIDE;
      float product = 0.0f;
#pragma unroll
      for (int k = 0; k < State::BYTES / (WORKERS / 2 * 16); k++) {
        uint4 a = sixteen_bytes(mine + k * (WORKERS / 2 * 16));
        uint4 z = sixteen_bytes(theirs + k * (WORKERS / 2 * 16));
        product = dot(a.x, z.x, dot(a.y, z.y, dot(a.z, z.z, dot(a.w, z.w, product))));
      }
      product = sum_warp(product);
      if (lane == 0) warp_sums[i % 2 * B_WARPS + warp - B_WARPS] = product;
    }
  }
  __syncthreads();
  put_through(count - 1);
  sums += ((((to_b ? splits : 0) + split) * batch + row) * groups + group) * chunks * Q * N;
#pragma unroll
  for (int n = 0; n < NT / 8; n++) {
    float* at = sums + (from + here) * N + n_tile * NT + 8 * n + t2;
    const float* s = sum[n / 8][n % 8 / 2][n % 2];
    *(float2*)at = make_float2(s[0], s[1]);
    *(float2*)(at + 8 * N) = make_float2(s[2], s[3]);
  }
}
#endif
