// Attention to a window, and to the strided positions before it, for heads of any size in both types:
// tiles of queries and keys, which four warps multiply by tensor cores, and what is seen of them.
//
// Query t of a document that begins at s sees max(s, t - window + 1) to t, and if globals >= 0 what
// strided_keys.cu says.
//
// Compile-time options (-D): HEAD_DIM, a multiple of 8 up to 256, and IN_FP32.
//
//   q            [batch, time, heads, HEAD_DIM] with strides
//   k, v         [batch, time, kvHeads, HEAD_DIM] with strides
//   out          [batch, time, heads, HEAD_DIM], contiguous; gradients of q, k and v likewise
//   lse          fp32 [batch, heads, time]
constexpr int THREADS = 128;
constexpr int STRIP = 16;                                // of its tile's rows, those of a warp
constexpr int WIDTH = (HEAD_DIM + 15) / 16 * 16;         // of tiles; beyond a head they are zero
constexpr int STEPS = WIDTH / 16;                        // of products along the head
constexpr int OTHERS = WIDTH * PARTS <= 128 ? 64 : 32;   // rows of the tiles that a block walks over
constexpr bool HELD = WIDTH * PARTS <= 64;               // first operands stay in registers
constexpr float HIDDEN = -1e30f;                         // below all scores, and finite
static_assert(HEAD_DIM % 8 == 0 && HEAD_DIM <= 256, "see above");
static_assert(THREADS / 32 * STRIP == TILE, "a warp has a strip of the rows");

typedef Tile<TILE, WIDTH> OwnTile;
typedef Tile<OTHERS, WIDTH> OtherTile;

// Begins to fill a tile with the rows at such offsets; one at -1 becomes zeros.
template <int HEIGHT, class Offset>
__device__ __forceinline__ void load_rows(
    Tile<HEIGHT, WIDTH> tile, const Element* from, Offset offset) {
  constexpr int PIECES = WIDTH / 8;
  for (int i = threadIdx.x; i < HEIGHT * PIECES; i += THREADS) {
    int row = i / PIECES, column = i % PIECES * 8;
    Long at = column < HEAD_DIM ? offset(row) : -1;
#if IN_FP32
    float4 low = make_float4(0.f, 0.f, 0.f, 0.f), high = low;
    if (at >= 0) {
      low = *reinterpret_cast<const float4*>(from + at + column);
      high = *reinterpret_cast<const float4*>(from + at + column + 4);
    }
    tile.put_pair(row, column, low.x, low.y);
    tile.put_pair(row, column + 2, low.z, low.w);
    tile.put_pair(row, column + 4, high.x, high.y);
    tile.put_pair(row, column + 6, high.z, high.w);
#else
    constexpr int PITCH = Tile<HEIGHT, WIDTH>::PITCH;
    copy_async(tile.data + row * PITCH + column, from + (at >= 0 ? at + column : 0), at >= 0);
#endif
  }
}

// The rows of a warp as the first operand of products along the head.
struct Rows {
  OwnTile tile;
  int row, lane;
  Operand held[HELD ? STEPS : 1];

  // Once the tile has arrived.
  __device__ __forceinline__ explicit Rows(const OwnTile& from)
      : tile(from), row(threadIdx.x / 32 * STRIP), lane(threadIdx.x % 32) {
    if constexpr (HELD) {
#pragma unroll
      for (int s = 0; s < STEPS; s++) tile.a(held[s], row, s * 16, lane);
    }
  }

  __device__ __forceinline__ Operand at(int step) const {
    if constexpr (HELD) {
      return held[step];
    } else {
      Operand loaded;
      tile.a(loaded, row, step * 16, lane);
      return loaded;
    }
  }
};

// Calls use(element, r, column) for the sums of a lane: row lane / 4 + 8 r of the warp's.
template <int COUNT, class Use>
__device__ __forceinline__ void each_sum(Sums (&sums)[COUNT], Use use) {
  int first = threadIdx.x % 4 * 2;
#pragma unroll
  for (int n = 0; n < COUNT; n++)
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int e = 0; e < 4; e++) use(sums[n][half][e], e / 2, n * 16 + half * 8 + first + e % 2);
}

// Two neighbouring elements.
__device__ __forceinline__ void store_pair(float* to, float first, float second) {
  *reinterpret_cast<float2*>(to) = make_float2(first, second);
}

__device__ __forceinline__ void store_pair(unsigned short* to, float first, float second) {
  *reinterpret_cast<unsigned*>(to) = pack_bf16(first, second);
}

// A row of the warp's sums times a factor, from a column on, as far as the head goes.
template <int COUNT, class To>
__device__ __forceinline__ void store_sums(
    To* row, const Sums (&sums)[COUNT], int r, float factor, int from = 0) {
#pragma unroll
  for (int n = 0; n < COUNT; n++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int column = from + n * 16 + half * 8;
      if (column < HEAD_DIM)
        store_pair(
            row + column + threadIdx.x % 4 * 2, sums[n][half][2 * r] * factor,
            sums[n][half][2 * r + 1] * factor);
    }
  }
}

// The queries of a tile. A lane has the two rows lane / 4 + 8 r of its warp's.
struct Queries {
  int first, last;                // of the tile
  int token[2], oldest[2];        // of the lane, and the first that it sees; beyond all if there is none
  int warp_last, warp_oldest;

  __device__ __forceinline__ Queries(const Long* starts, int from, int time, int window)
      : first(from), last(min(from + TILE, time) - 1) {
    int begin = first + threadIdx.x / 32 * STRIP;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      token[r] = begin + threadIdx.x % 32 / 4 + 8 * r;
      oldest[r] = token[r] <= last ? max(start_of(starts, token[r]), token[r] - window + 1) : time;
    }
    warp_last = min(begin + STRIP - 1, last);
    warp_oldest = uniform(oldest[0]);
  }

  __device__ __forceinline__ bool have(int r) const { return token[r] <= last; }
};

constexpr int AT_ONCE = 32;  // keys whose scores are made together

// Walks over the keys that a tile of queries sees, which are in `keys`, and their values. For each
// AT_ONCE of them that the warp sees some of it calls use(row, sees): the first of their rows in the
// tiles, and whether the lane's query r sees that of row i.
template <class Use>
__device__ __forceinline__ void each_key(
    const Queries& queries, const Element* k, Long k_time, const Element* v, Long v_time,
    const OtherTile& keys, const OtherTile& values, const Long* starts, int window, int every,
    int globals, Use use) {
  int oldest = max(start_of(starts, queries.first), queries.first - window + 1);
  for (int from = oldest; from <= queries.last; from += OTHERS) {
    auto seen = [&](int row) { return from + row <= queries.last; };
    __syncthreads();
    load_rows(keys, k, [&](int row) { return seen(row) ? (from + row) * k_time : -1; });
    load_rows(values, v, [&](int row) { return seen(row) ? (from + row) * v_time : -1; });
    copies_arrive();
#pragma unroll 1
    for (int row = 0; row < OTHERS; row += AT_ONCE) {
      if (from + row > queries.warp_last || from + row + AT_ONCE <= queries.warp_oldest) continue;
      use(row, [&](int r, int i) {
        return from + i >= queries.oldest[r] && from + i <= queries.token[r];
      });
    }
  }
  // Documents from the last to the first.
  for (int end = queries.last; globals >= 0 && end >= queries.first;) {
    int document = start_of(starts, end), begin = max(queries.first, document);
    Keys strided(begin - document, end - document, window, every, globals);
    int block[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int token = queries.token[r], before = token - document - window;
      block[r] = token >= begin && token <= end && before >= 0 ? before / every : -1;
    }
    end = document - 1;
    if (strided.newest < 0) continue;
    bool some = __any_sync(0xffffffffu, block[0] >= 0 || block[1] >= 0);
    for (int index = 0; index < strided.count(); index += OTHERS) {
      auto position = [&](int row) {
        int key = index + row;
        return key < strided.count() ? document + (Long)strided.at(key) * every : -1;
      };
      auto offset = [&](int row, Long time_stride) {
        Long at = position(row);
        return at >= 0 ? at * time_stride : -1;
      };
      __syncthreads();
      load_rows(keys, k, [&](int row) { return offset(row, k_time); });
      load_rows(values, v, [&](int row) { return offset(row, v_time); });
      copies_arrive();
#pragma unroll 1
      for (int row = 0; some && row < OTHERS && index + row < strided.count(); row += AT_ONCE) {
        use(row, [&](int r, int i) {
          return index + i < strided.count() && visible(strided.at(index + i), block[r], globals);
        });
      }
    }
  }
}
