// A row of logits and the k experts that a router prefers of it, by LANES threads side by side: a
// thread has ITEMS experts, and, of what was chosen, ITEMS choices. Whole warps take part.
//
// Options: EXPERTS; LANES, a power of two up to 32; ITEMS, at most 4.
typedef long long Long;

constexpr int PADDED = LANES * ITEMS;
constexpr float TINY = 1e-20f;  // as in Score
static_assert(PADDED >= EXPERTS && ITEMS <= 4, "see FusedChoice");

// Expert i * LANES + lane is item i of a thread; where there is none, all is 0.
struct Row {
  float soft[ITEMS];   // softmax of the logits
  float score[ITEMS];  // that, or their sigmoid
  float size;          // their log-sum-exp

  __device__ __forceinline__ Row(const float* logits, int lane, int sigmoid) {
    float none = __uint_as_float(0xff800000u), most = none;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      bool some = i * LANES + lane < EXPERTS;
      score[i] = some ? logits[i * LANES + lane] : none;
      most = fmaxf(most, score[i]);
    }
    most = largest_lane<LANES>(most);
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) sum += soft[i] = expf(score[i] - most);
    sum = sum_lanes<LANES>(sum);
    size = most + logf(sum);
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      soft[i] /= sum;
      score[i] = sigmoid ? 1.f / (1.f + expf(-score[i])) : soft[i];
    }
  }
};

// Chooses the k best by score and bias, best first; of equals the first, and NaN counts as the best.
// Choice i * LANES + lane is item i of a thread: its expert and its score, which `scale` is the sum of.
// Returns which items of the row were chosen, as bits.
__device__ __forceinline__ unsigned choose(
    const Row& row, const float* bias, int k, int lane, int (&expert)[ITEMS], float (&weight)[ITEMS],
    float& scale) {
  unsigned taken = 0;
  scale = 0.f;
  for (int j = 0; j < k; j++) {
    float most = 0.f;
    int best = -1;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      int e = i * LANES + lane;
      if (e < EXPERTS && !(taken >> i & 1)) {
        float wanted = row.score[i] + (bias ? bias[e] : 0.f);
        if (wanted != wanted) wanted = __uint_as_float(0x7f800000u);
        if (best < 0 || wanted > most) {
          most = wanted;
          best = e;
        }
      }
    }
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2) {
      float more = exchange(most, mask);
      int other = exchange(best, mask);
      if (other >= 0 && (best < 0 || more > most || (more == most && other < best))) {
        most = more;
        best = other;
      }
    }
    float score = 0.f;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (i * LANES + lane == best) {
        taken |= 1u << i;
        score = row.score[i];
      }
    }
    score = sum_lanes<LANES>(score);
    scale += score;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (i * LANES + lane == j) {
        weight[i] = score;
        expert[i] = best;
      }
    }
  }
  return taken;
}
