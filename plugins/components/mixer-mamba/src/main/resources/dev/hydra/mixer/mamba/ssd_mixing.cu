// What ssd_output, ssd_forward and ssd_backward_x do alike within a chunk.

// The strip of 16 tokens that a warp takes. A strip has the more to do the later (or, backward, the earlier)
// it is; warps w and w + 4 share a scheduler, so they take one from each end.
__device__ __forceinline__ int strip_of(int warp) {
  return warp < ROWS / 2 ? warp : ROWS + ROWS / 2 - 1 - warp;
}

// The number of the 16 x 16 block of C B^T with tokens i and j in these strips, j at or before i.
__device__ __forceinline__ int pair_index(int i, int j) { return i * (i + 1) / 2 + j; }

// exp2(own log - log of another token) * step of that, for the elements of a 16 x 16 block: the decay
// between its rows (here, here + 8) and its columns (token on), times C B^T. On the diagonal what
// is later does not count; the difference is kept at 0 there, so that nothing overflows.
template <bool DIAGONAL>
__device__ __forceinline__ void mix(
    Operand& mixing, const Operand& score, const float* log, const float* step, const float (&own)[2],
    const int (&start)[2], int here, int token) {
#pragma unroll
  for (int e = 0; e < 4; e++) {  // register e: row here + 8 (e % 2), columns token + 8 (e / 2) and on
    int column = token + 8 * (e / 2);
    int row = here + 8 * (e % 2);
    float2 other = *(const float2*)(log + column);
    float2 size = *(const float2*)(step + column);
    float a = own[e % 2] - other.x;
    float z = own[e % 2] - other.y;
    if (DIAGONAL) {
      a = fminf(a, 0.0f);
      z = fminf(z, 0.0f);
    }
    a = exp2_fast(a) * size.x;
    z = exp2_fast(z) * size.y;
    if (DIAGONAL && column > row) a = 0.0f;
    if (DIAGONAL && column + 1 > row) z = 0.0f;
#if DOCUMENTS
    if (column < start[e % 2]) a = 0.0f;
    if (column + 1 < start[e % 2]) z = 0.0f;
#endif
    set(mixing, e, a * low(score, e), z * high(score, e));
  }
}

// What comes from the state before the chunk, decayed on its way to a strip's tokens.
__device__ __forceinline__ void decay_entering(
    Sums (&sum)[PT / 16], const float (&own_log)[2], const int (&start)[2]) {
  float entering0 = exp2_fast(own_log[0]);
  float entering8 = exp2_fast(own_log[1]);
#if DOCUMENTS
  if (start[0] >= 0) entering0 = 0.0f;
  if (start[1] >= 0) entering8 = 0.0f;
#endif
#pragma unroll
  for (int p = 0; p < PT / 8; p++) {
    float* s = sum[p / 2][p % 2];
    s[0] *= entering0;
    s[1] *= entering0;
    s[2] *= entering8;
    s[3] *= entering8;
  }
}

// sum += d times the values of the tokens here and here + 8.
template <class AnyValues>
__device__ __forceinline__ void add_skipped(
    Sums (&sum)[PT / 16], const AnyValues& values, float d, int here, int t2) {
#pragma unroll
  for (int p = 0; p < PT / 8; p++) {
    float* s = sum[p / 2][p % 2];
    float x0, x1;
    values.pair(here, 8 * p + t2, x0, x1);
    s[0] += d * x0;
    s[1] += d * x1;
    values.pair(here + 8, 8 * p + t2, x0, x1);
    s[2] += d * x0;
    s[3] += d * x1;
  }
}

// The sums over the eight rows that lanes of equal lane % 4 hold, of 4 columns each: two of them meet in
// each step, so 4 exchanges do instead of 12. Lane bits 2 and 3 say which column a lane ends up with.
__device__ __forceinline__ float sum_rows(const float (&v)[4], int lane) {
  bool upper = lane & 4;
  float a = (upper ? v[2] : v[0]) + exchange(upper ? v[0] : v[2], 4);
  float b = (upper ? v[3] : v[1]) + exchange(upper ? v[1] : v[3], 4);
  upper = lane & 8;
  float sum = (upper ? b : a) + exchange(upper ? a : b, 8);
  return sum + exchange(sum, 16);
}

// sum += a strip of 16 tokens' C (or B) times a state's transpose. The operands of the next step are under
// way while the tensor cores do this one.
template <int COUNT, class AnyQueries, class AnyState>
__device__ __forceinline__ void from_state(
    Sums (&sum)[COUNT], const AnyQueries& queries, const AnyState& state, int strip, int lane) {
  Operand left[2];
  Operand right[2][COUNT];
#pragma unroll
  for (int step = -1; step < N / 16; step++) {
    int next = step + 1;
    if (next < N / 16) {
      queries.a(left[next % 2], strip, 16 * next, lane);
#pragma unroll
      for (int p = 0; p < COUNT; p++) state.b(right[next % 2][p], 16 * p, 16 * next, lane);
    }
    if (step >= 0) {
#pragma unroll
      for (int p = 0; p < COUNT; p++) multiply(sum[p], left[step % 2], right[step % 2][p]);
    }
  }
}
