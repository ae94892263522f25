// The teams of ssd_backward_x that compute; what they are is in ssd_backward_x_block.cu.
#if WIDE
namespace backward_x {
// A thread of one of the teams that compute.
template <Team WHO>
struct Worker {
  static constexpr bool OWNS = WHO != BESIDE;  // tokens of which it makes dx
  static constexpr int J = WHO == LATE ? HALF : 0;
  static constexpr int I = WHO == EARLY ? 0 : HALF;
  const Block& k;
  int thread, lane, warp, g, t2;
  int here;  // its tokens j: this and here + 8
  char* scores;
  const int* starts;
  float* left;
  Strip out;

  __device__ __forceinline__ Worker(const Block& block, int thread)
      : k(block), thread(thread), lane(thread & 31), warp(uniform(thread >> 5)), g(lane >> 2),
        t2(2 * (lane & 3)), here(J + 16 * warp + g),
        scores(k.base + SCORES + (WHO == EARLY ? 0 : WHO == LATE ? 10 : 20) * 512 + (warp * 32 + lane) * 16),
        starts((const int*)(k.base + STARTS)), left((float*)(k.base + LEFT) + warp * HALF),
        out(k.base + OUT + ((WHO == LATE ? 4 : 0) + warp) * Strip::BYTES) {}

  // Whether any of the warp's j are at or before any i of the strip `each` of those that the team has.
  __device__ __forceinline__ bool takes(int each) const { return !OWNS || each >= warp; }
  // C B^T of that and this thread.
  __device__ __forceinline__ uint4* score(int each) const {
    return (uint4*)(scores + (OWNS ? each * (each + 1) / 2 : 4 * each) * 512);
  }
  __device__ __forceinline__ float* row_sums(int team, int parity, int of) const {
    return (float*)(k.base + ROW_SUMS) + ((team * 2 + parity) * 4 + of) * HALF;
  }
  __device__ __forceinline__ float* column_sums(int team, int parity) const {
    return (float*)(k.base + COLUMN_SUMS) + (team * 2 + parity) * HALF;
  }

  __device__ __forceinline__ void make_scores() const {
    barrier_wait(k.barrier(PROJECTIONS), 0);
    Sums sum[4];
    products_begin();
#pragma unroll
    for (int n = 0; n < N; n += 16) {
      multiply(flat(sum), k.keys().along_rows(J, n), k.queries().along_rows(I, n), n > 0);
    }
    products_end();
    settle(flat(sum));
#pragma unroll
    for (int each = 0; each < 4; each++) {
      if (!takes(each)) continue;
      Operand packed;
      to_operand(packed, sum[each]);
      const unsigned* r = packed.r[0];
      *score(each) = make_uint4(r[0], r[1], r[2], r[3]);
    }
#pragma unroll
    for (int s = STAGES - C_STAGES; s < STAGES; s++) warp_arrives(k.barrier(EMPTY + s), lane);
  }

  // All heads; the sums of d(C B^T) over them are in d_score.
  __device__ __forceinline__ void run(Sums (&d_score)[4]) const {
    Turn<STAGES> turn;
    Turn<STATE_STAGES> state_turn;
    for (int i = 0; i < k.count; i++, state_turn.next()) {
      int parity = i & 1, handing = i >> 1 & 1;
      int stage = turn.stage;
      const float* steps = (const float*)(k.base + NUMBERS + stage * TOKENS);
      const float* log = steps + Q;
      Long at = ((Long)(k.row * k.heads + k.head(i)) * P_TILES + i % P_TILES) * k.chunks * Q + k.chunk * Q;
      Sums d[4], sum[4];
      barrier_wait(k.barrier(FULL + stage), turn.phase);
      products_begin();
#pragma unroll
      for (int p = 0; p < PT; p += 16) {  // x dy^T
        multiply(flat(d), k.values(stage).along_rows(J, p), k.gradients(stage).along_rows(I, p), p > 0);
      }
      products_commit();
      if (OWNS) {
        barrier_wait(k.barrier(STATE_FULL + state_turn.stage), state_turn.phase);
#pragma unroll
        for (int n = 0; n < N; n += 16) {
          multiply(flat(sum), k.keys().along_rows(J, n), k.state(state_turn.stage).along_rows(0, n), n > 0);
        }
        products_commit();
      }
      turn.next();  // at the end of the loop it takes more instructions
      float step[2], from[2], leaving[2];
#pragma unroll
      for (int second = 0; second < 2; second++) {
        int j = here + 8 * second;
        step[second] = steps[j];
        from[second] = log[j];
        int end = OWNS ? Q : HALF;
        leaving[second] = exp2_fast(fminf(log[end - 1] - from[second], 0.0f)) * step[second];
        if (DOCUMENTS && j < starts[end - 1]) leaving[second] = 0.0f;
      }
      if (!OWNS) {
        barrier_wait(k.barrier(TAKEN + parity), handing ^ 1);
#pragma unroll
        for (int t = lane; t < HALF; t += 32) {
          bool anew = DOCUMENTS && starts[HALF + t] >= HALF;
          left[t] = anew ? 0.0f : exp2_fast(log[HALF + t] - log[HALF - 1]);
        }
        __syncwarp();
      }
      products_wait<OWNS ? 1 : 0>();
      settle(flat(d));
      Operand mixing[4];
      float columns[2] = {0.0f, 0.0f};
      mix(
          mixing, columns, d_score, d, OWNS ? log + I : left, from, step, leaving, k.skipped + at,
          row_sums(WHO, parity, warp));
      if constexpr (OWNS) {
        products_wait<0>();
        settle(flat(sum));
        warp_arrives(k.barrier(STATE_EMPTY + state_turn.stage), lane);
        float entered[2] = {0.0f, 0.0f};
        leave(sum, entered, leaving, k.values(stage));
        products_begin();
#pragma unroll
        for (int each = 0; each < 4; each++) {
          multiply(flat(sum), mixing[each].r[0], k.gradients(stage).across_rows(I + 16 * each));
        }
        products_commit();
        float column[2];
#pragma unroll
        for (int second = 0; second < 2; second++) {
          entered[second] = sum_quad(entered[second]);
          column[second] = sum_quad(columns[second]);
        }
        barrier_wait(k.barrier(HANDED + parity), handing);
        if (WHO == EARLY) {
          Mixed mixed(k.base + MIXED + parity * Mixed::BYTES);
#pragma unroll
          for (int each = 0; each < 4; each++) {
            multiply<false, true>(
                flat(sum), mixed.along_rows(0, 16 * each), k.gradients(stage).across_rows(HALF + 16 * each), 1);
          }
          products_commit();
#pragma unroll
          for (int second = 0; second < 2; second++) {
            column[second] += column_sums(BESIDE, parity)[here + 8 * second];
          }
        }
        if (t2 == 0) {
#pragma unroll
          for (int second = 0; second < 2; second++) {
            int j = here + 8 * second;
            // Of a step that is zero nothing is left to divide; dt has no gradient there either.
            float inverse = step[second] > 1e-37f ? reciprocal_fast(step[second]) : 0.0f;
            k.kept[at + j] = entered[second];
            k.direct[at + j] = (entered[second] + column[second]) * inverse;
            column_sums(WHO, parity)[j - J] = column[second];
          }
        }
        asm volatile("bar.sync %0, %1;" ::"n"(1 + WHO), "n"(TEAM) : "memory");
        if (thread >= HALF) flow(k.flow + at + J, thread - HALF, parity);
        products_wait<0>();
        settle(flat(sum));
        warp_arrives(k.barrier(TAKEN + parity), lane);
        give(sum, i, stage);
      } else {
        hand(mixing, columns, parity);
        warp_arrives(k.barrier(EMPTY + stage), lane);
      }
    }
    if (OWNS && lane == 0) put_wait<0>();
  }

  // Decays, with the step of j in them, times C B^T, and the shares of sums that need them. Decays are
  // step exp2(others - from), or others leaving for BESIDE.
  __device__ __forceinline__ void mix(
      Operand (&mixing)[4], float (&columns)[2], Sums (&d_score)[4], const Sums (&d)[4], const float* others,
      const float (&from)[2], const float (&step)[2], const float (&leaving)[2], float* skipped, float* sums) const {
#pragma unroll
    for (int each = 0; each < 4; each++) {
      if (!takes(each)) {
        mixing[each] = Operand();
        continue;
      }
      uint4 four = *score(each);
      Operand score = {{{four.x, four.y, four.z, four.w}}};
      float decay[4][2];
#pragma unroll
      for (int r = 0; r < 4; r++) {  // register r: row here + 8 (r % 2), columns t2 + 8 (r / 2) and on
        int column = 16 * each + 8 * (r / 2) + t2;
        float2 other = *(const float2*)(others + column);
        decay[r][0] = OWNS ? exp2_fast(other.x - from[r % 2]) : other.x * leaving[r % 2];
        decay[r][1] = OWNS ? exp2_fast(other.y - from[r % 2]) : other.y * leaving[r % 2];
        if (OWNS) {
          decay[r][0] *= step[r % 2];
          decay[r][1] *= step[r % 2];
        }
        if (DOCUMENTS && OWNS) {
          int2 start = *(const int2*)(starts + I + column);
          if (here + 8 * (r % 2) < start.x) decay[r][0] = 0.0f;
          if (here + 8 * (r % 2) < start.y) decay[r][1] = 0.0f;
        }
      }
      if (OWNS && each == warp) {  // the diagonal, below which there is nothing, and on which i is j
        decay[1][0] = decay[1][1] = 0.0f;
#pragma unroll
        for (int r = 0; r < 4; r += 3) {
          if (t2 < g) decay[r][0] = 0.0f;
          if (t2 + 1 < g) decay[r][1] = 0.0f;
        }
        if (t2 == (g & ~1)) {
          skipped[here] = g & 1 ? d[each][0][1] : d[each][0][0];
          skipped[here + 8] = g & 1 ? d[each][1][3] : d[each][1][2];
        }
      }
      float rows[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int r = 0; r < 4; r++) {
        int second = r % 2;
        const float* of = d[each][r / 2] + 2 * second;
        float a = decay[r][0] * low(score, r);
        float z = decay[r][1] * high(score, r);
        set(mixing[each], r, a, z);
        d_score[each][r / 2][2 * second] += decay[r][0] * of[0];
        d_score[each][r / 2][2 * second + 1] += decay[r][1] * of[1];
        columns[second] += a * of[0];
        columns[second] += z * of[1];
        rows[r / 2 * 2] += a * of[0];
        rows[r / 2 * 2 + 1] += z * of[1];
      }
      float over = sum_rows(rows, lane);
      if (lane < 16) sums[16 * each + (lane & 4) * 2 + t2 + (lane >> 3)] = over;
    }
  }

  // Has what comes from the state after the chunk decay, and adds up its products with x.
  __device__ __forceinline__ void leave(
      Sums (&sum)[4], float (&dot)[2], const float (&leaving)[2], const Values& values) const {
    SharedAddress from = values.at(J + 16 * warp + (lane & 15), (lane >> 4) * 8);
#pragma unroll
    for (int q = 0; q < PT / 16; q++) {
      unsigned x[4];
      load_matrices(x, from ^ (q * 32));
#pragma unroll
      for (int r = 0; r < 4; r++) {
        float* s = sum[q][r / 2] + 2 * (r % 2);
        s[0] *= leaving[r % 2];
        s[1] *= leaving[r % 2];
        dot[r % 2] += s[0] * low_bf16(x[r]) + s[1] * high_bf16(x[r]);
      }
    }
  }

  __device__ __forceinline__ void flow(float* to, int t, int parity) const {
    float total = -column_sums(WHO, parity)[t];
#pragma unroll
    for (int of = 0; of < 4; of++) {
      if (of <= t / 16) total += row_sums(WHO, parity, of)[t];
    }
    if (WHO == LATE) {
#pragma unroll
      for (int of = 0; of < 4; of++) total += row_sums(BESIDE, parity, of)[t];
    }
    to[t] = total;
  }

  // dx of the strip.
  __device__ __forceinline__ void give(const Sums (&sum)[4], int i, int stage) const {
    float d_skip = k.skip == nullptr ? 0.0f : k.skip[k.head(i)];
    if (lane == 0) put_wait<0>();
    __syncwarp();
    int row = lane & 15, column = (lane >> 4) * 8;
    SharedAddress from = k.gradients(stage).at(J + 16 * warp + row, column);
    SharedAddress to = out.at(row, column);
#pragma unroll
    for (int q = 0; q < PT / 16; q++) {
      unsigned dy[4], packed[4];
      load_matrices(dy, from ^ (q * 32));
#pragma unroll
      for (int r = 0; r < 4; r++) {
        const float* s = sum[q][r / 2] + 2 * (r % 2);
        packed[r] = pack_bf16(s[0] + d_skip * low_bf16(dy[r]), s[1] + d_skip * high_bf16(dy[r]));
      }
      store_matrices(to ^ (q * 32), packed[0], packed[1], packed[2], packed[3]);
    }
    publish();
    warp_arrives(k.barrier(EMPTY + stage), lane);
    if (lane == 0) put(*k.dx, out.data, k.column(i), k.chunk * Q + J + 16 * warp, k.row);
    __syncwarp();
  }

  // What BESIDE found for the others.
  __device__ __forceinline__ void hand(const Operand (&mixing)[4], const float (&columns)[2], int parity) const {
    Mixed mixed(k.base + MIXED + parity * Mixed::BYTES);
    SharedAddress to = mixed.at(16 * warp + (lane & 15), (lane >> 4) * 8);
#pragma unroll
    for (int each = 0; each < 4; each++) {
      const unsigned* r = mixing[each].r[0];
      store_matrices(to ^ (each * 32), r[0], r[1], r[2], r[3]);
    }
#pragma unroll
    for (int second = 0; second < 2; second++) {
      float column = sum_quad(columns[second]);
      if (t2 == 0) column_sums(BESIDE, parity)[here + 8 * second] = column;
    }
    publish();
    warp_arrives(k.barrier(HANDED + parity), lane);
  }
};

template <Team WHO>
__device__ __forceinline__ void work(const Block& k) {
  Worker<WHO> worker(k, threadIdx.x % TEAM);
  worker.make_scores();
  Sums d_score[4] = {};
  worker.run(d_score);
#pragma unroll
  for (int each = 0; each < 4; each++) {
    if (!worker.takes(each)) continue;
#pragma unroll
    for (int r = 0; r < 4; r++) {
      const float* s = d_score[each][r / 2] + 2 * (r % 2);
      int i = worker.I + 16 * each + 8 * (r / 2) + worker.t2;
      *(float2*)(k.d_scores + (worker.here + 8 * (r % 2)) * Q + i) = make_float2(s[0], s[1]);
    }
  }
}
}  // namespace backward_x
#endif
