// What one token of each of several texts reads: equations (5) and (6) of Workspace. With n_s the norm
// of slot s, of a head h
//
//   p[s] = softmax over s of (q_h . (W_h n_s + r_sh)) / sqrt(HEAD),   o_h = sum over s of p[s] n_sh
//
// where q_h . (W_h n_s) = (q_h W_h) . n_s: the keys of the slots are not computed. Sums are float32.
//
// Compile-time options (-D): SLOTS, up to 128; HEADS; HEAD, channels of a head, a power of two from 8
// to 128; VECTOR, a divisor of HEAD; ELEMENT_BF16. HEADS * HEAD / VECTOR is at most 256.
//
// Launch: grid (HEADS, texts), 256 threads.
//
//   q        [texts, DIM], stride q_row, 1
//   slots    fp32 [texts, SLOTS, DIM], norm fp32 [DIM]
//   key      [DIM, DIM], W_h from row h * HEAD on; address [SLOTS, DIM], r_sh from column h * HEAD on
//   read     [texts, DIM]: o_h from h * HEAD on
typedef long long Long;

constexpr int CREW = 256;  // FusedSlotRead launches so many
constexpr int WARPS = CREW / 32;
constexpr int DIM = HEADS * HEAD;
constexpr int VECTORS = DIM / VECTOR;
constexpr int SHARES = CREW / VECTORS;  // of the rows of W_h
constexpr int PARTS = CREW / HEAD;      // of the slots
constexpr int QUADS = DIM / 4;
constexpr int ITEMS = (QUADS + 31) / 32;  // of a lane
constexpr int OF_LANE = (SLOTS + 31) / 32;
constexpr int ROWS = 8;                              // of W_h that a thread reads at once
constexpr int TOGETHER = ITEMS > 8 ? 1 : 16 / ITEMS;  // slots that a warp reads at once
constexpr int COLUMNS = (HEAD + 31) / 32;             // of a head that a lane has
static_assert(SLOTS <= 128 && HEAD >= 8 && HEAD <= 128 && (HEAD & (HEAD - 1)) == 0, "see above");
static_assert(HEAD % VECTOR == 0 && VECTORS <= CREW, "see above");

extern "C" __device__ const int slot_read_waits = 1;

extern "C" __global__ void __launch_bounds__(CREW) slot_read(
    const Element* q, Long q_row, const float* slots, const float* norm, const Element* key,
    const Element* address, float epsilon, Element* __restrict__ read) {
  __shared__ float asking[HEAD];
  __shared__ __align__(16) float sums[SHARES][DIM];
  __shared__ __align__(16) float wanted[DIM];  // q_h W_h, times the weights of the norm
  __shared__ float scores[SLOTS], inverse[SLOTS], parts[PARTS][HEAD];
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32, head = blockIdx.x * HEAD;
  slots += blockIdx.y * (Long)SLOTS * DIM;
  key += (Long)head * DIM;
  if (threadIdx.x < HEAD) fetch_ahead(key + threadIdx.x * DIM, DIM * sizeof(Element));
  if (threadIdx.x < SLOTS) {
    fetch_ahead(address + threadIdx.x * DIM + head, HEAD * sizeof(Element));
    fetch_ahead(slots + threadIdx.x * DIM + head, HEAD * sizeof(float));  // the heads fetch all
  }
  if (threadIdx.x == 0) fetch_ahead(norm, DIM * sizeof(float));
  launch_dependents();
  wait_for_prerequisites();

  if (threadIdx.x < HEAD) asking[threadIdx.x] = to_float(q[blockIdx.y * q_row + head + threadIdx.x]);
  __syncthreads();
  int share = threadIdx.x / VECTORS, column = threadIdx.x % VECTORS * VECTOR;
  float sum[VECTOR];
#pragma unroll
  for (int v = 0; v < VECTOR; v++) sum[v] = 0.f;
  for (int first = share; first - share < HEAD; first += ROWS * SHARES) {
    Vector<Element, VECTOR> rows[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      int d = first + r * SHARES;
      rows[r] = load<VECTOR>(key + (d < HEAD ? d : HEAD - 1) * DIM + column);
    }
    __syncwarp();  // else the compiler puts loads off until they are used
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      int d = first + r * SHARES;
      float row[VECTOR], times = d < HEAD ? asking[d] : 0.f;
      rows[r].unpack(row);
#pragma unroll
      for (int v = 0; v < VECTOR; v++) sum[v] += times * row[v];
    }
  }
  if (share < SHARES) {
#pragma unroll
    for (int v = 0; v < VECTOR; v++) sums[share][column + v] = sum[v];
  }
  __syncthreads();
  for (int c = threadIdx.x; c < DIM; c += CREW) {
    float all = 0.f;
#pragma unroll
    for (int s = 0; s < SHARES; s++) all += sums[s][c];
    wanted[c] = all * norm[c];
  }
  __syncthreads();

  for (int first = warp; first < SLOTS; first += TOGETHER * WARPS) {
    float x[TOGETHER][ITEMS][4];
    Element place[TOGETHER][COLUMNS];
#pragma unroll
    for (int t = 0; t < TOGETHER; t++) {
      int s = first + t * WARPS < SLOTS ? first + t * WARPS : 0;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        int quad = i * 32 + lane < QUADS ? i * 32 + lane : 0;
        load_floats<4>(slots + s * DIM + quad * 4, x[t][i]);
      }
#pragma unroll
      for (int i = 0; i < COLUMNS; i++) {
        int d = i * 32 + lane < HEAD ? i * 32 + lane : 0;
        place[t][i] = address[s * DIM + head + d];
      }
    }
    __syncwarp();
#pragma unroll
    for (int t = 0; t < TOGETHER; t++) {
      int s = first + t * WARPS;
      if (s >= SLOTS) break;  // the same for the warp
      float dot = 0.f, squares = 0.f, placed = 0.f;
#pragma unroll
      for (int i = 0; i < ITEMS; i++) {
        int quad = i * 32 + lane;
        if (QUADS % 32 == 0 || quad < QUADS) {
          float w[4];
          load_floats<4>(wanted + quad * 4, w);
#pragma unroll
          for (int v = 0; v < 4; v++) {
            dot += x[t][i][v] * w[v];
            squares += x[t][i][v] * x[t][i][v];
          }
        }
      }
#pragma unroll
      for (int i = 0; i < COLUMNS; i++)
        if (i * 32 + lane < HEAD) placed += asking[i * 32 + lane] * to_float(place[t][i]);
      float over = rsqrtf(sum_lanes(squares) / DIM + epsilon);
      float score = sum_lanes(dot * over + placed);
      if (lane == 0) {
        scores[s] = score * rsqrtf((float)HEAD);
        inverse[s] = over;
      }
    }
  }
  __syncthreads();
  if (warp == 0) {
    float each[OF_LANE], most = -3.4e38f, all = 0.f;
#pragma unroll
    for (int k = 0; k < OF_LANE; k++) {
      int s = k * 32 + lane;
      each[k] = s < SLOTS ? scores[s] : -3.4e38f;
      most = fmaxf(most, each[k]);
    }
    most = largest_lane(most);
#pragma unroll
    for (int k = 0; k < OF_LANE; k++) {
      each[k] = k * 32 + lane < SLOTS ? exp2_fast((each[k] - most) * LOG2_E) : 0.f;
      all += each[k];
    }
    float one = 1.f / sum_lanes(all);
#pragma unroll
    for (int k = 0; k < OF_LANE; k++) {
      int s = k * 32 + lane;
      if (s < SLOTS) scores[s] = each[k] * one * inverse[s];
    }
  }
  __syncthreads();
  int d = threadIdx.x % HEAD, part = threadIdx.x / HEAD;
  float found = 0.f;
#pragma unroll 16
  for (int s = part; s < SLOTS; s += PARTS) found += scores[s] * slots[s * DIM + head + d];
  parts[part][d] = found;
  __syncthreads();
  if (threadIdx.x >= HEAD) return;
  found = 0.f;
#pragma unroll
  for (int p = 0; p < PARTS; p++) found += parts[p][d];
  from_float(found * norm[head + d], read[blockIdx.y * (Long)DIM + head + d]);
}
