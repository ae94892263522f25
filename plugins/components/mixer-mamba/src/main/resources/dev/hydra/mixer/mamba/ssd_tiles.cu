// What all SSD kernels share: shapes, tiles in shared memory, operands of the tensor cores.
//
// Compile-time options (-D):
//   HEAD_DIM  channels per head P, a multiple of 16 (beyond 64 best a multiple of 64)
//   STATE     state size N, a multiple of 16 (beyond 128 best a multiple of 128), at most 256
//   CHUNK     tokens per chunk Q, 64 or 128; the same in all kernels of one call
//   IN_FP32   1: x, B, C, y, their gradients and the chunk states are fp32, else bf16
//   DT_FP32   1: raw dt and its gradient are fp32, else bf16
//   DOCUMENTS 1: document numbers are given
//
// Each kernel NAME with dynamic shared memory says how much in a global NAME_bytes, for the host to read.
#ifndef CHUNK
#define CHUNK (IN_FP32 ? 64 : 128)
#endif
#ifndef DOCUMENTS
#define DOCUMENTS 0
#endif
#ifndef DT_FP32
#define DT_FP32 IN_FP32
#endif

#if DT_FP32
typedef float StepElement;
#else
typedef unsigned short StepElement;
#endif

constexpr int Q = CHUNK;
constexpr int P = HEAD_DIM;
constexpr int N = STATE;
constexpr int ROWS = Q / 16;             // 16-token strips of a chunk: one a warp

constexpr int PT = part(P, IN_FP32 && N > 128 ? 32 : 64);  // channels that are worked on at once,
constexpr int P_TILES = P / PT;          // so a wide head is taken as several narrow ones
constexpr int NT = part(N, 128);         // the same for states, where they are outputs
constexpr int N_TILES = N / NT;
constexpr int THREADS = ROWS * 32;       // of the kernels that work on a chunk
constexpr float LOG2E = 1.4426950408889634f;
constexpr float GONE = -50.0f;           // what has decayed to e^-50 is gone in any type

static_assert(P % 16 == 0 && N % 16 == 0 && N <= 256, "see above");
static_assert(Q == 64 || Q == 128, "see above");

// Each token (depth) of an operand a times its weight: those of the near eight columns and of the far ones.
__device__ __forceinline__ void weigh(Operand& a, const Operand& plain, float2 near, float2 far) {
  set(a, 0, low(plain, 0) * near.x, high(plain, 0) * near.y);
  set(a, 1, low(plain, 1) * near.x, high(plain, 1) * near.y);
  set(a, 2, low(plain, 2) * far.x, high(plain, 2) * far.y);
  set(a, 3, low(plain, 3) * far.x, high(plain, 3) * far.y);
}
