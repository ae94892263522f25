// ssd_backward_x (its launch and arguments are in ssd_backward_x.cu) where four warps issue products together.
//
// A block has two teams of four warps, each at a head of its own: while one waits for its products, copies or
// barriers, the other computes. They share B and C B^T, which lie in shared memory; each has its sums of
// d(C B^T) over heads in registers, added up at the end in the same order every time.
//
// Of the halves of a chunk's tokens j and i there are three pairs in which some j are at or before some i: late and
// late, early and early, early and late. A team takes them one after the other, a strip of 16 tokens j a warp; the
// late strips in reverse, so that all warps see as many 16 x 16 blocks: five on both diagonals, four beside them.
//
// Both forms take:
#define BACKWARD_X_PARAMETERS                                                                 \
  const Element* x, Long x_batch, Long x_time, Long x_head, const Element* dy, Long dy_batch, \
  Long dy_time, Long dy_head, const Element* b, Long b_batch, Long b_time, Long b_group,      \
  const Element* c, Long c_batch, Long c_time, Long c_group, const float* step,               \
  const float* logs, const int* first, const Element* after, const float* skip, Element* dx,  \
  Long dx_batch, Long dx_time, Long dx_head, float* d_scores, float* flow, float* kept,       \
  float* direct, float* skipped, Long time, Long heads, Long shared, Long splits
#if WIDE
namespace backward_x {
constexpr int TEAMS = 2;
constexpr int TEAM = 128;  // threads
constexpr int HALF = Q / 2;
typedef WideTile<Q, N> Projection;
typedef WideTile<Q, PT> Values;
typedef WideTile<PT, N> State;
constexpr int BUFFERS = N <= 128 ? 2 : 1;            // of x and dy: the next ones come while these are used
constexpr int BUFFER = 2 * Values::BYTES;
constexpr int PANELS = BUFFERS * BUFFER + State::BYTES;
constexpr int TOKENS = 2 * Q * 4;                    // steps and logs of a buffer
constexpr int SUMS = (ROWS + 1) * Q * 4 + HALF * 4;
constexpr int NUMBERS = BUFFERS * TOKENS + SUMS;
constexpr int SCORES = ROWS * (ROWS + 1) / 2 * 512;  // of bf16
constexpr int BYTES = SLACK + Projection::BYTES + TEAMS * PANELS + SCORES + TEAMS * NUMBERS + Q * 4;
static_assert(TEAMS * TEAM == THREADS && ROWS == 8, "a warp a strip of each half");

// The tokens j of a thread in a half: here and here + 8.
struct Own {
  int strip, here;
  int row;           // where `here` lies in panels
  float log[2], step[2];
  float left[2];     // of an early token after the last early one
  float entered[2];  // what the state after the chunk adds to the gradient of step
  float columns[2];  // what the outputs of the chunk add to it
};
}  // namespace backward_x
extern "C" __device__ const int ssd_backward_x_bytes = backward_x::BYTES;
extern "C" __device__ const int ssd_backward_x_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS, 1) ssd_backward_x(BACKWARD_X_PARAMETERS) {
  wait_for_prerequisites();
  using namespace backward_x;
  int lane = threadIdx.x & 31;
  int thread = threadIdx.x % TEAM;
  int block_warp = __shfl_sync(0xffffffffu, threadIdx.x >> 5, 0);
  int team = block_warp / 4;
  int warp = block_warp % 4;
  int g = lane >> 2;
  int t2 = 2 * (lane & 3);
  Long chunks = gridDim.x;
  Long chunk = blockIdx.x;
  Long row = blockIdx.z;
  Long group = blockIdx.y / splits;
  Long groups = gridDim.y / splits;
  Long split = blockIdx.y % splits;
  Long per_split = (shared + splits - 1) / splits;
  Long begin = split * per_split;
  Long end = begin + per_split < shared ? begin + per_split : shared;
  Long from = chunk * Q;
  int valid = time - from < Q ? (int)(time - from) : Q;
  char* base = begin_panels(SHARED);
  char* all_panels = base + Projection::BYTES;
  char* panels = all_panels + team * PANELS;
  uint4* scores = (uint4*)(all_panels + TEAMS * PANELS);
  char* numbers = (char*)scores + SCORES + team * NUMBERS;
  float* row_sums = (float*)(numbers + BUFFERS * TOKENS);  // [strip of j][i]
  float* column_sums = row_sums + ROWS * Q;                // [j]
  float* from_middle = column_sums + Q;                    // what is left at i, late, of the last early token
  int* starts = (int*)((char*)scores + SCORES + TEAMS * NUMBERS);  // first, of the chunk, where there are DOCUMENTS
  Projection keys(base);
  State state(panels + BUFFERS * BUFFER);

  int count = (int)(end - begin) * P_TILES;
  auto head_of = [&](int i) { return group * shared + begin + i / P_TILES; };
  auto fetch_values = [&](int i) {
    if (i < count) {
      int turn = i / TEAMS % BUFFERS;
      char* to = panels + turn * BUFFER;
      Long head = head_of(i);
      int p = i % P_TILES * PT;
      Values(to).load<TEAM>(
          x + row * x_batch + from * x_time + head * x_head + p, x_time, valid, thread, place);
      Values(to + Values::BYTES)
          .load<TEAM>(dy + row * dy_batch + from * dy_time + head * dy_head + p, dy_time, valid, thread);
      Long at = (row * heads + head) * chunks * Q + from;
      load_values<Q>(numbers + turn * TOKENS, step + at, thread);
      load_values<Q>(numbers + turn * TOKENS + Q * 4, logs + at, thread);
    }
    copies_commit();
  };
  auto fetch_state = [&](int i) {
    if (i < count) {
      const Element* at = after + (((row * chunks + chunk) * heads + head_of(i)) * P + i % P_TILES * PT) * N;
      state.load<TEAM>(at, N, PT, thread);
    }
    copies_commit();
  };
  auto team_sync = [&]() { asm volatile("bar.sync %0, %1;" ::"r"(1 + team), "n"(TEAM) : "memory"); };

  // C lies where the last team's last buffer will be, or, without a second one, the first panels of all.
  Projection queries(BUFFERS == 2 ? all_panels + PANELS + BUFFER : all_panels);
  keys.load<THREADS>(b + row * b_batch + from * b_time + group * b_group, b_time, valid, threadIdx.x, place);
  queries.load<THREADS>(c + row * c_batch + from * c_time + group * c_group, c_time, valid, threadIdx.x);
  if (DOCUMENTS && threadIdx.x < Q) starts[threadIdx.x] = first[row * chunks * Q + from + threadIdx.x];
  copies_commit();
  if (BUFFERS == 2) {
    fetch_values(team);
    fetch_state(team);
    copies_wait<2>();
  } else {
    copies_wait<0>();
  }
  wide_publish();
  __syncthreads();
  // The first team makes the early rows of C B^T, transposed, the second the late ones.
#pragma unroll
  for (int half = 0; half < 2; half++) {
    if (half == 0 && team == 1) continue;
    int strip = team == 0 ? warp : ROWS - 1 - warp;
    Sums sum[4];
    products_begin();
#pragma unroll
    for (int n = 0; n < N; n += 16) {
      multiply(flat(sum), keys.along_rows(team * HALF, n), queries.along_rows(half * HALF, n), n > 0);
    }
    products_end();
    settle(flat(sum));
#pragma unroll
    for (int each = 0; each < 4; each++) {
      int to = half * 4 + each;
      if (to >= strip) {
        Operand packed;
        to_operand(packed, sum[each]);
        const unsigned* r = packed.r[0];
        scores[pair_index(to, strip) * 32 + lane] = make_uint4(r[0], r[1], r[2], r[3]);
      }
    }
  }
  __syncthreads();
  if (BUFFERS == 1) {
    fetch_values(team);
    fetch_state(team);
  }

  Sums late_late[4] = {};  // of d(C B^T)
  Sums early_early[4] = {};
  Sums early_late[4] = {};
  for (int i = team; i < count; i += TEAMS) {
    int turn = i / TEAMS % BUFFERS;
    Values values(panels + turn * BUFFER);
    Values gradients(panels + turn * BUFFER + Values::BYTES);
    const float* steps = (const float*)(numbers + turn * TOKENS);
    const float* log = steps + Q;
    Long head = head_of(i);
    Long out = ((row * heads + head) * P_TILES + i % P_TILES) * chunks * Q + from;
    float d_skip = skip == nullptr ? 0.0f : skip[head];
    copies_wait<0>();
    wide_publish();
    team_sync();
    if (BUFFERS == 2) fetch_values(i + TEAMS);
    if (thread < HALF) {
      bool anew = DOCUMENTS && starts[HALF + thread] >= HALF;
      from_middle[thread] = anew ? 0.0f : exp2_fast(log[HALF + thread] - log[HALF - 1]);
    }

    Sums sum[4];
    Sums d[4];
    Operand mixing[4];
    auto begin_from_state = [&](int half) {
#pragma unroll
      for (int n = 0; n < N; n += 16) {
        multiply(flat(sum), keys.along_rows(half * HALF, n), state.along_rows(0, n), n > 0);
      }
    };
    auto begin_pairs = [&](int half, int other) {  // x dy^T
#pragma unroll
      for (int p = 0; p < PT; p += 16) {
        multiply(flat(d), values.along_rows(half * HALF, p), gradients.along_rows(other * HALF, p), p > 0);
      }
    };
    auto begin_outputs = [&](int other) {
#pragma unroll
      for (int each = 0; each < 4; each++) {
        multiply(flat(sum), mixing[each].r[0], gradients.across_rows(other * HALF + 16 * each, 0));
      }
    };
    auto take = [&](int half) {
      Own own = {};
      own.strip = half ? ROWS - 1 - warp : warp;
      own.here = 16 * own.strip + g;
      own.row = half * HALF + 16 * warp + g;
#pragma unroll
      for (int second = 0; second < 2; second++) {
        own.log[second] = log[own.here + 8 * second];
        own.step[second] = steps[own.here + 8 * second];
        own.left[second] = exp2_fast(log[HALF - 1] - own.log[second]);
        if (DOCUMENTS && own.here + 8 * second < starts[HALF - 1]) own.left[second] = 0.0f;
      }
      return own;
    };
    // What came from the state after the chunk, as much of it as there is at the chunk's end.
    auto leave = [&](Own& own) {
#pragma unroll
      for (int second = 0; second < 2; second++) {
        float leaving = exp2_fast(fminf(log[Q - 1] - own.log[second], 0.0f));
        if (DOCUMENTS && own.here + 8 * second < starts[Q - 1]) leaving = 0.0f;
        float dot = 0.0f;
#pragma unroll
        for (int p = 0; p < PT / 8; p++) {
          float* s = sum[p / 2][p % 2] + 2 * second;
          float x0, x1;
          values.pair(own.row + 8 * second, 8 * p + t2, x0, x1);
          s[0] *= leaving;
          s[1] *= leaving;
          dot += s[0] * x0 + s[1] * x1;
        }
        own.entered[second] = sum_quad(dot);
        if (t2 == 0) kept[out + own.here + 8 * second] = own.entered[second] * own.step[second];
      }
    };
    // Of the tokens i of strip `to`, whose x dy^T is `block`: what multiplies dy, and its share of sums.
    auto mix_block = [&](Operand& mixed, const Sums& block, Sums& sum_score, Own& own, int to, bool beside) {
      uint4 four = scores[pair_index(to, own.strip) * 32 + lane];
      Operand score = {{{four.x, four.y, four.z, four.w}}};
      float decay[4][2];
#pragma unroll
      for (int r = 0; r < 4; r++) {  // register r: row g + 8 (r % 2), columns t2 + 8 (r / 2) and on
        float2 other = *(const float2*)((beside ? from_middle - HALF : log) + 16 * to + 8 * (r / 2) + t2);
        decay[r][0] = beside ? other.x * own.left[r % 2] : exp2_fast(other.x - own.log[r % 2]);
        decay[r][1] = beside ? other.y * own.left[r % 2] : exp2_fast(other.y - own.log[r % 2]);
        if (DOCUMENTS && !beside) {  // else factors are zero
          int2 start = *(const int2*)(starts + 16 * to + 8 * (r / 2) + t2);
          if (own.here + 8 * (r % 2) < start.x) decay[r][0] = 0.0f;
          if (own.here + 8 * (r % 2) < start.y) decay[r][1] = 0.0f;
        }
      }
      if (!beside && to == own.strip) {  // the diagonal, below which there is nothing, and on which i is j
        decay[1][0] = decay[1][1] = 0.0f;
#pragma unroll
        for (int r = 0; r < 4; r += 3) {
          if (t2 < g) decay[r][0] = 0.0f;
          if (t2 + 1 < g) decay[r][1] = 0.0f;
        }
        if (t2 == (g & ~1)) {
          skipped[out + own.here] = g & 1 ? block[0][1] : block[0][0];
          skipped[out + own.here + 8] = g & 1 ? block[1][3] : block[1][2];
        }
      }
      float rows[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int r = 0; r < 4; r++) {
        int second = r % 2;
        float a = decay[r][0];
        float z = decay[r][1];
        const float* of = block[r / 2] + 2 * second;
        float mixed_a = a * low(score, r);
        float mixed_z = z * high(score, r);
        set(mixed, r, mixed_a, mixed_z);
        sum_score[r / 2][2 * second] += of[0] * (a * own.step[second]);
        sum_score[r / 2][2 * second + 1] += of[1] * (z * own.step[second]);
        mixed_a *= of[0];
        mixed_z *= of[1];
        own.columns[second] += mixed_a;
        own.columns[second] += mixed_z;
        rows[r / 2 * 2] += mixed_a * own.step[second];
        rows[r / 2 * 2 + 1] += mixed_z * own.step[second];
      }
      float over = sum_rows(rows, lane);
      if (lane < 16) row_sums[own.strip * Q + 16 * to + (lane & 4) * 2 + t2 + (lane >> 3)] = over;
    };
    auto mix_half = [&](Sums (&sum_score)[4], Own& own, int other, bool beside) {
#pragma unroll
      for (int each = 0; each < 4; each++) {
        int to = 4 * other + each;
        if (beside || to >= own.strip) {
          mix_block(mixing[each], d[each], sum_score[each], own, to, beside);
        } else {
          mixing[each] = Operand();
        }
      }
    };
    auto finish = [&](const Own& own) {
#pragma unroll
      for (int second = 0; second < 2; second++) {
        int here = own.here + 8 * second;
        float column = sum_quad(own.columns[second]);
        if (t2 == 0) {
          direct[out + here] = own.entered[second] + column;
          column_sums[here] = column * own.step[second];
        }
#pragma unroll
        for (int p = 0; p < PT / 8; p++) {
          float* s = sum[p / 2][p % 2] + 2 * second;
          float dy0, dy1;
          gradients.pair(here, 8 * p + t2, dy0, dy1);
          s[0] = s[0] * own.step[second] + d_skip * dy0;
          s[1] = s[1] * own.step[second] + d_skip * dy1;
        }
        Element* to = dx + row * dx_batch + (from + here) * dx_time + head * dx_head + i % P_TILES * PT;
        store_row<PT / 16>(to, sum, second, here < valid, lane);
      }
    };
    products_begin();
    begin_from_state(1);
    begin_pairs(1, 1);
    products_end();
    settle(flat(sum));
    settle(flat(d));
    {
      Own own = take(1);
      leave(own);
      mix_half(late_late, own, 1, false);
      products_begin();
      begin_outputs(1);
      begin_pairs(0, 0);
      products_end();
      settle(flat(sum));
      settle(flat(d));
      finish(own);
    }
    Own own = take(0);
    products_begin();
    begin_from_state(0);
    products_commit();
    mix_half(early_early, own, 0, false);
    products_wait<0>();
    settle(flat(sum));
    team_sync();
    if (BUFFERS == 2) fetch_state(i + TEAMS);
    leave(own);
    products_begin();
    begin_outputs(0);
    begin_pairs(0, 1);
    products_end();
    settle(flat(sum));
    settle(flat(d));
    mix_half(early_late, own, 1, true);
    products_begin();
    begin_outputs(1);
    products_end();
    settle(flat(sum));
    finish(own);

    team_sync();
    if (BUFFERS == 1) {
      fetch_values(i + TEAMS);
      fetch_state(i + TEAMS);
    }
    float total = -column_sums[thread];
#pragma unroll
    for (int strip = 0; strip < ROWS; strip++) {
      if (strip <= thread / 16) total += row_sums[strip * Q + thread];
    }
    flow[out + thread] = total;
  }

  // What the second team found is added to what the first did.
  copies_wait<0>();
  __syncthreads();
  float* handed = (float*)all_panels + thread;
  auto each_block = [&](const auto& what) {
#pragma unroll
    for (int each = 0; each < 4; each++) {
      what(early_early[each], each, warp, each);
      what(early_late[each], 4 + each, warp, 4 + each);
      what(late_late[each], 8 + each, ROWS - 1 - warp, 4 + each);
    }
  };
  if (team == 1) {
    each_block([&](const Sums& s, int index, int strip, int to) {
#pragma unroll
      for (int e = 0; e < 8; e++) handed[(index * 8 + e) * TEAM] = s[e / 4][e % 4];
    });
  }
  __syncthreads();
  if (team == 1) return;
  d_scores += (((split * gridDim.z + row) * chunks + chunk) * groups + group) * Q * Q;
  each_block([&](const Sums& s, int index, int strip, int to) {
    if (to < strip) return;
#pragma unroll
    for (int r = 0; r < 4; r++) {
      float* at = d_scores + (16 * strip + g + 8 * (r % 2)) * Q + 16 * to + 8 * (r / 2) + t2;
      const float* mine = s[r / 2] + 2 * (r % 2);
      const float* theirs = handed + (index * 8 + r / 2 * 4 + 2 * (r % 2)) * TEAM;
      *(float2*)at = make_float2(mine[0] + theirs[0], mine[1] + theirs[TEAM]);
    }
  });
}
#endif
