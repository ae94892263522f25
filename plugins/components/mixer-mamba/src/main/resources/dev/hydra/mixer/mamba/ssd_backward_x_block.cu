// ssd_backward_x where four warps issue products together; what it computes is in ssd_backward_x.cu.
//
// Of the halves of a chunk's tokens j and i there are three pairs in which some j are at or before some i. A team of
// four warps takes each: EARLY that of early j and i, LATE that of late ones, BESIDE that of early j and late i. A
// warp has 16 tokens j, and its sums of d(C B^T) over all heads of the block in registers. EARLY and LATE make dx of
// their tokens. What BESIDE finds of that it hands over through shared memory: decays times C B^T, and sums.
//
// One thread of a fourth team has hardware bring x, dy and states of the heads to come. Teams meet only at barriers
// in shared memory, so each goes on to the next head when it is done with one; BESIDE is up to two ahead.
//
// Launch: grid (chunks, groups * splits, batch), backward_x::WORKERS = 512 threads, dynamic shared memory
// backward_x::BYTES. Tensors as there, but for
//
//   x, dy  boxes of CHUNK rows of [batch, time, heads HEAD_DIM]; dx those of 16 rows
//   b, c   boxes of CHUNK rows of [batch, time, groups STATE]
//   after  boxes of 64 rows of [batch chunks heads HEAD_DIM, STATE]
#if WIDE
namespace backward_x {
constexpr int WORKERS = 512;
constexpr int TEAM = 128;  // threads
constexpr int HALF = Q / 2;
typedef WideTile<Q, N> Projection;
typedef WideTile<Q, PT> Values;
typedef WideTile<PT, N> State;
typedef WideTile<HALF, HALF> Mixed;
typedef WideTile<16, PT> Strip;
constexpr int STAGES = N <= 128 ? 3 : 2;        // of x, dy, steps and logs
constexpr int STATE_STAGES = N <= 128 ? 2 : 1;  // of states
constexpr int STAGE = 2 * Values::BYTES;
constexpr int TOKENS = 2 * Q * 4;  // steps and logs
constexpr int C_STAGES = (Projection::BYTES + STAGE - 1) / STAGE;  // the last ones, in which C is at first
static_assert(ROWS == 8 && PT == 64 && C_STAGES <= STAGES, "a warp a strip of a half");

// What lies where, from a multiple of 1024 bytes on.
constexpr int VALUES = Projection::BYTES;  // after B
constexpr int STATES = VALUES + STAGES * STAGE;
constexpr int MIXED = STATES + STATE_STAGES * State::BYTES;   // of BESIDE, [parity]
constexpr int OUT = MIXED + 2 * Mixed::BYTES;                 // dx of each strip
constexpr int SCORES = OUT + ROWS * Strip::BYTES;             // C B^T, bf16
constexpr int NUMBERS = SCORES + ROWS * (ROWS + 1) / 2 * 512;
constexpr int LEFT = NUMBERS + STAGES * TOKENS;               // [warp of BESIDE][late i]: of the last early token
constexpr int ROW_SUMS = LEFT + 4 * HALF * 4;                 // [team][parity][warp][i]
constexpr int COLUMN_SUMS = ROW_SUMS + 3 * 2 * 4 * HALF * 4;  // [team][parity][j]
constexpr int STARTS = COLUMN_SUMS + 3 * 2 * HALF * 4;        // first, of the chunk
constexpr int BARRIERS = STARTS + Q * 4;
enum Barrier {
  PROJECTIONS,  // B and C are there
  FULL,         // a stage is there; the first of STAGES
  EMPTY = FULL + STAGES,        // all have read it
  STATE_FULL = EMPTY + STAGES,  // the same for states
  STATE_EMPTY = STATE_FULL + STATE_STAGES,
  HANDED = STATE_EMPTY + STATE_STAGES,  // what BESIDE hands over; the first of 2
  TAKEN = HANDED + 2,
  COUNT = TAKEN + 2
};
constexpr int BYTES = SLACK + BARRIERS + COUNT * 8;
static_assert(BYTES <= 232448, "shared memory of a block");
enum Team { EARLY, BESIDE, LATE, FETCH };

// What the block is.
struct Block {
  const TensorMap *x, *dy, *b, *c, *after, *dx;
  const float *step, *logs, *skip;
  float *d_scores, *flow, *kept, *direct, *skipped;
  int heads, chunks, chunk, row, group, begin;
  int count;  // of heads, or of tiles of their channels
  char* base;

  __device__ __forceinline__ SharedAddress at(int offset) const { return shared_address(base) + offset; }
  __device__ __forceinline__ SharedAddress barrier(int which) const { return at(BARRIERS + which * 8); }
  __device__ __forceinline__ Values values(int stage) const { return Values(base + VALUES + stage * STAGE); }
  __device__ __forceinline__ Values gradients(int stage) const {
    return Values(base + VALUES + stage * STAGE + Values::BYTES);
  }
  __device__ __forceinline__ State state(int stage) const { return State(base + STATES + stage * State::BYTES); }
  __device__ __forceinline__ Projection keys() const { return Projection(base); }
  __device__ __forceinline__ Projection queries() const {
    return Projection(base + VALUES + (STAGES - C_STAGES) * STAGE);
  }
  __device__ __forceinline__ int head(int i) const { return begin + i / P_TILES; }
  __device__ __forceinline__ int column(int i) const { return head(i) * P + i % P_TILES * PT; }
};
}  // namespace backward_x
#endif
