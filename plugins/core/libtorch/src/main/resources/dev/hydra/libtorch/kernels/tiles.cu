// Tiles of matrices in shared memory and the operands that tensor cores get from them, for elements
// of bf16 or fp32. After primitives.cu and tensor_cores.cu.
//
// Compile-time options (-D):
//   IN_FP32   1: elements are fp32, else bf16
//   ALIGNED   1: every row that is read starts at a multiple of 16 bytes
#ifndef ALIGNED
#define ALIGNED 1
#endif

typedef long long Long;

// Tensor cores multiply bf16. A float32 operand is taken as the sum of two bf16 (PARTS), and of the
// four products the three that count are added up: 16 bits of mantissa, errors near 1e-5.
#if IN_FP32
#define PARTS 2
typedef float Element;
#else
#define PARTS 1
typedef unsigned short Element;
#endif

// The largest part of `size` that divides it and is at most `limit`, a power of 2, or else 16.
__device__ constexpr int part(int size, int limit) {
  return size <= limit ? size : size % limit == 0 ? limit : limit > 16 ? part(size, limit / 2) : 16;
}

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(unsigned short bits) { return low_bf16(bits); }
__device__ __forceinline__ void put(float* to, float value) { *to = value; }
__device__ __forceinline__ void put(unsigned short* to, float value) {
  *to = (unsigned short)(pack_bf16(value, 0.0f) & 0xffffu);
}

// An operand of 16 x 16 in registers, as a (rows, depth) or as b (depth, two sets of 8 columns).
template <int COUNT>
struct Parts {
  unsigned r[COUNT][4];
};
typedef Parts<PARTS> Operand;

// Puts two neighbouring elements into register i.
template <int COUNT>
__device__ __forceinline__ void set(Parts<COUNT>& operand, int i, float low, float high) {
  unsigned rounded = pack_bf16(low, high);
  operand.r[0][i] = rounded;
  if constexpr (COUNT == 2) {
    operand.r[1][i] = pack_bf16(low - low_bf16(rounded), high - high_bf16(rounded));
  }
}

__device__ __forceinline__ float low(const Operand& operand, int i) {
  float value = low_bf16(operand.r[0][i]);
#if PARTS == 2
  value += low_bf16(operand.r[1][i]);
#endif
  return value;
}

__device__ __forceinline__ float high(const Operand& operand, int i) {
  float value = high_bf16(operand.r[0][i]);
#if PARTS == 2
  value += high_bf16(operand.r[1][i]);
#endif
  return value;
}

// 16 x 16 sums: [columns 0-7 or 8-15][rows g: 2; rows g + 8: 2], g = lane / 4, columns 2 (lane % 4).
typedef float Sums[2][4];

template <int TILES>
__device__ __forceinline__ void clear(Sums (&sums)[TILES]) {
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
#pragma unroll
      for (int i = 0; i < 4; i++) sums[n][half][i] = 0.f;
    }
  }
}

template <int COUNT>
__device__ __forceinline__ void multiply(Sums& c, const Parts<COUNT>& a, const Parts<COUNT>& b) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    mma_bf16(c[half], a.r[0], b.r[0][2 * half], b.r[0][2 * half + 1]);
    if constexpr (COUNT == 2) {
      mma_bf16(c[half], a.r[0], b.r[1][2 * half], b.r[1][2 * half + 1]);
      mma_bf16(c[half], a.r[1], b.r[0][2 * half], b.r[0][2 * half + 1]);
    }
  }
}

// Sums as they stand are an operand a of the next product: register i holds rows g + 8 (i % 2).
template <int COUNT>
__device__ __forceinline__ void to_operand(Parts<COUNT>& a, const Sums& c) {
  set(a, 0, c[0][0], c[0][1]);
  set(a, 1, c[0][2], c[0][3]);
  set(a, 2, c[1][0], c[1][1]);
  set(a, 3, c[1][2], c[1][3]);
}

// A matrix in shared memory, HEIGHT x WIDTH bf16 (in PARTS planes). Eight more columns than used
// make eight rows start in different banks.
template <int HEIGHT, int WIDTH>
struct Tile {
  static constexpr int PITCH = WIDTH + 8;
  static constexpr int PLANE = HEIGHT * PITCH;
  static constexpr int BYTES = PLANE * 2 * PARTS;
  unsigned short* data;

  __device__ __forceinline__ explicit Tile(char* at) : data((unsigned short*)at) {}

  // Element (row, column), column even, and its neighbour.
  __device__ __forceinline__ void pair(int row, int column, float& first, float& second) const {
    const unsigned short* at = data + row * PITCH + column;
    unsigned both = *(const unsigned*)at;
    first = low_bf16(both);
    second = high_bf16(both);
#if PARTS == 2
    both = *(const unsigned*)(at + PLANE);
    first += low_bf16(both);
    second += high_bf16(both);
#endif
  }

  __device__ __forceinline__ void put_pair(int row, int column, float first, float second) {
    unsigned rounded = pack_bf16(first, second);
    unsigned short* at = data + row * PITCH + column;
    *(unsigned*)at = rounded;
#if PARTS == 2
    *(unsigned*)(at + PLANE) = pack_bf16(first - low_bf16(rounded), second - high_bf16(rounded));
#endif
  }

  // The 16 x 16 at (row, column) as a (rows, depth).
  __device__ __forceinline__ void a(Operand& o, int row, int column, int lane) const {
    const unsigned short* at = data + (row + (lane & 15)) * PITCH + column + (lane >> 4) * 8;
#pragma unroll
    for (int part = 0; part < PARTS; part++) load_matrices(o.r[part], at + part * PLANE);
  }

  // The 16 x 16 at (row, column), stored (depth, rows), as a.
  __device__ __forceinline__ void a_transposed(Operand& o, int row, int column, int lane) const {
    const unsigned short* at = data + (row + (lane & 7) + (lane >> 4) * 8) * PITCH + column + (lane & 8);
#pragma unroll
    for (int part = 0; part < PARTS; part++) load_matrices_transposed(o.r[part], at + part * PLANE);
  }

  // The 16 x 16 at (row, column), stored (columns of the product, depth), as b.
  __device__ __forceinline__ void b(Operand& o, int row, int column, int lane) const {
    const unsigned short* at = data + (row + (lane & 7) + (lane >> 4) * 8) * PITCH + column + (lane & 8);
#pragma unroll
    for (int part = 0; part < PARTS; part++) load_matrices(o.r[part], at + part * PLANE);
  }

  // The 16 x 16 at (row, column), stored (depth, columns of the product), as b.
  __device__ __forceinline__ void b_transposed(Operand& o, int row, int column, int lane) const {
    const unsigned short* at = data + (row + (lane & 15)) * PITCH + column + (lane >> 4) * 8;
#pragma unroll
    for (int part = 0; part < PARTS; part++) load_matrices_transposed(o.r[part], at + part * PLANE);
  }

  // Begins to fill the tile with rows of `from`; those from `valid` on become zeros, so that no
  // garbage behind the last token meets a weight of 0 (0 * NaN is NaN).
  template <int WORKERS>
  __device__ __forceinline__ void load(const Element* from, Long stride, int valid, int worker) {
#if ALIGNED && !IN_FP32
    // Few instructions, for every warp has to issue them: a worker stays in its column if it can.
    constexpr int PIECES = WIDTH / 8;
    constexpr int COUNT = HEIGHT * PIECES;
    constexpr int ROUNDS = (COUNT + WORKERS - 1) / WORKERS;
    if (WORKERS % PIECES == 0) {
      constexpr int STEP = WORKERS / PIECES > 0 ? WORKERS / PIECES : 1;
      int row = worker / PIECES;
      int column = worker % PIECES * 8;
      SharedAddress to = shared_address(data + row * PITCH + column);
      const Element* at = from + row * stride + column;
      Long jump = STEP * stride;
#pragma unroll
      for (int k = 0; k < ROUNDS; k++) {
        if (COUNT % WORKERS == 0 || row + k * STEP < HEIGHT) {
          copy_async(to + k * STEP * PITCH * 2, at, row + k * STEP < valid);
        }
        at += jump;
      }
    } else {
#pragma unroll
      for (int k = 0; k < ROUNDS; k++) {
        int i = worker + k * WORKERS;
        int row = i / PIECES;
        int column = i % PIECES * 8;
        if (COUNT % WORKERS == 0 || i < COUNT) {
          copy_async(shared_address(data + row * PITCH + column), from + row * stride + column, row < valid);
        }
      }
    }
#elif ALIGNED
    constexpr int PIECES = WIDTH / 4;
#pragma unroll 4
    for (int i = worker; i < HEIGHT * PIECES; i += WORKERS) {
      int row = i / PIECES;
      int column = i % PIECES * 4;
      float4 value = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
      if (row < valid) value = *(const float4*)(from + row * stride + column);
      put_pair(row, column, value.x, value.y);
      put_pair(row, column + 2, value.z, value.w);
    }
#else
#pragma unroll 4
    for (int i = worker; i < HEIGHT * WIDTH / 2; i += WORKERS) {
      int row = i / (WIDTH / 2);
      int column = i % (WIDTH / 2) * 2;
      const Element* at = from + row * stride + column;
      bool some = row < valid;
      put_pair(row, column, some ? to_float(at[0]) : 0.0f, some ? to_float(at[1]) : 0.0f);
    }
#endif
  }
};

// Begins to copy COUNT 4-byte values, 16-byte aligned.
template <int COUNT>
__device__ __forceinline__ void load_values(void* to, const void* from, int worker) {
  if (worker < COUNT / 4) copy_async(shared_address((char*)to + worker * 16), (const char*)from + worker * 16, true);
}

// Among the four lanes of a row: lane t gets what all four hold in w[t].
__device__ __forceinline__ void transpose_quad(unsigned (&w)[4], int lane) {
  bool odd = lane & 1;
  unsigned a = exchange(odd ? w[0] : w[1], 1);
  unsigned b = exchange(odd ? w[2] : w[3], 1);
  if (odd) {
    w[0] = a;
    w[2] = b;
  } else {
    w[1] = a;
    w[3] = b;
  }
  bool upper = lane & 2;
  a = exchange(upper ? w[0] : w[2], 2);
  b = exchange(upper ? w[1] : w[3], 2);
  if (upper) {
    w[0] = a;
    w[1] = b;
  } else {
    w[2] = a;
    w[3] = b;
  }
}

// Writes a row of sums, 16 TILES wide; `row` is where it begins, `second` picks rows g + 8. All
// lanes must call it; those with `valid` false write nothing.
template <int TILES>
__device__ __forceinline__ void store_row(Element* row, const Sums (&c)[TILES], int second, bool valid, int lane) {
  int t = lane & 3;
#if IN_FP32
#pragma unroll
  for (int i = 0; i < 2 * TILES; i++) {
    const float* from = c[i / 2][i % 2] + 2 * second;
    if (valid) *(float2*)(row + 8 * i + 2 * t) = make_float2(from[0], from[1]);
  }
#else
  // Four neighbouring 4-byte pieces become one of 16.
#pragma unroll
  for (int i = 0; i + 1 < TILES; i += 2) {
    unsigned w[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const float* from = c[i + k / 2][k % 2] + 2 * second;
      w[k] = pack_bf16(from[0], from[1]);
    }
    transpose_quad(w, lane);
    if (valid) *(uint4*)(row + 16 * i + 8 * t) = make_uint4(w[0], w[1], w[2], w[3]);
  }
  if (TILES % 2 == 1 && valid) {
#pragma unroll
    for (int k = 0; k < 2; k++) {
      const float* from = c[TILES - 1][k] + 2 * second;
      *(unsigned*)(row + 16 * (TILES - 1) + 8 * k + 2 * t) = pack_bf16(from[0], from[1]);
    }
  }
#endif
}

__device__ constexpr int larger(int a, int b) { return a > b ? a : b; }
