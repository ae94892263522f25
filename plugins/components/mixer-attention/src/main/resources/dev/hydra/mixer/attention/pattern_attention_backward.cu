// With the probabilities P of the whole and `change` = rowsum(dout out), the gradient of the scores is
// dS = P (dout v - change) scale (FlashAttention, arXiv 2205.14135, appendix B.2). Every gradient has one
// block that writes it, so that sums have a fixed order.

namespace backward {
constexpr int BYTES = 2 * OwnTile::BYTES + 2 * OtherTile::BYTES;
constexpr int SLICES = (WIDTH + 127) / 128;  // of a head, whose sums of keys and values fill registers
constexpr int SLICE_STEPS = (STEPS + SLICES - 1) / SLICES;
}  // namespace backward
extern "C" __device__ const int pattern_backward_queries_bytes = backward::BYTES;
extern "C" __device__ const int pattern_backward_near_bytes = backward::BYTES;
extern "C" __device__ const int pattern_backward_far_bytes = backward::BYTES;
extern "C" __device__ const int pattern_backward_queries_waits = 1;
extern "C" __device__ const int pattern_backward_near_waits = 1;
extern "C" __device__ const int pattern_backward_far_waits = 1;

// The gradient of q, and `change` [batch, heads, time].
//
// Launch: grid (time / TILE, rounded up; heads; batch), THREADS threads.
extern "C" __global__ void __launch_bounds__(THREADS) pattern_backward_queries(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* v, Long v_batch, Long v_time, Long v_head,
    const Long* starts, const Element* out, const Element* dout, Long dout_batch, Long dout_time,
    Long dout_head, const float* lse, Element* dq, float* change, int time, int heads, int shared,
    int window, int every, int globals, float scale) {
  wait_for_prerequisites();
  Long head = blockIdx.y, batch = blockIdx.z;
  if (starts) starts += batch * time;
  dout += batch * dout_batch + head * dout_head;
  Queries queries(starts, (gridDim.x - 1 - blockIdx.x) * TILE, time, window);
  OwnTile own(SHARED), gradients(SHARED + OwnTile::BYTES);
  OtherTile keys(SHARED + 2 * OwnTile::BYTES);
  OtherTile values(SHARED + 2 * OwnTile::BYTES + OtherTile::BYTES);
  auto offset = [&](int row, Long time_stride) {
    return queries.first + row <= queries.last ? (queries.first + row) * time_stride : -1;
  };
  load_rows(own, q + batch * q_batch + head * q_head, [&](int row) { return offset(row, q_time); });
  load_rows(gradients, dout, [&](int row) { return offset(row, dout_time); });
  copies_arrive();
  Rows query(own), arriving(gradients);

  int lane = threadIdx.x % 32;
  float size[2], own_change[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    size[r] = own_change[r] = 0.f;
    Long token = queries.token[r], place = (batch * heads + head) * time + token;
    if (queries.have(r)) {
      const Element* result = out + ((batch * time + token) * heads + head) * HEAD_DIM;
      const Element* gradient = dout + token * dout_time;
#pragma unroll
      for (int column = lane % 4 * 2; column < HEAD_DIM; column += 8)
#pragma unroll
        for (int e = 0; e < 2; e++)
          own_change[r] += to_float(result[column + e]) * to_float(gradient[column + e]);
      size[r] = lse[place] * LOG2_E;
    }
    own_change[r] = sum_quad(own_change[r]);
    if (queries.have(r) && lane % 4 == 0) change[place] = own_change[r];
  }

  Sums sums[STEPS];
  clear(sums);
  each_key(
      queries, k + batch * k_batch + head / shared * k_head, k_time,
      v + batch * v_batch + head / shared * v_head, v_time, keys, values, starts, window, every,
      globals, [&](int row, auto sees) {
        Sums score[AT_ONCE / 16], along[AT_ONCE / 16];
        clear(score);
        clear(along);
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
          Operand a = query.at(s), d = arriving.at(s);
#pragma unroll
          for (int n = 0; n < AT_ONCE / 16; n++) {
            Operand b;
            keys.b(b, row + n * 16, s * 16, lane);
            multiply(score[n], a, b);
            values.b(b, row + n * 16, s * 16, lane);
            multiply(along[n], d, b);
          }
        }
        each_sum(score, [&](float& x, int r, int column) {
          x = sees(r, row + column) ? exp2_fast(x * scale * LOG2_E - size[r]) : 0.f;
        });
#pragma unroll
        for (int n = 0; n < AT_ONCE / 16; n++) {
#pragma unroll
          for (int half = 0; half < 2; half++)
#pragma unroll
            for (int e = 0; e < 4; e++)
              score[n][half][e] *= (along[n][half][e] - own_change[e / 2]) * scale;
          Operand ds;
          to_operand(ds, score[n]);
#pragma unroll
          for (int s = 0; s < STEPS; s++) {
            Operand b;
            keys.b_transposed(b, row + n * 16, s * 16, lane);
            multiply(sums[s], ds, b);
          }
        }
      });
#pragma unroll
  for (int r = 0; r < 2; r++) {
    if (queries.have(r))
      store_sums(
          dq + ((batch * time + queries.token[r]) * heads + head) * HEAD_DIM, sums, r, 1.f);
  }
}

// Gradients of the keys and values that a block has, in columns of one slice: sums over queries, of
// which it has a tile in shared memory.
struct KeySums {
  Rows key, value;
  int slice;
  Sums of_key[backward::SLICE_STEPS], of_value[backward::SLICE_STEPS];

  __device__ __forceinline__ KeySums(const OwnTile& keys, const OwnTile& values, int of)
      : key(keys), value(values), slice(of) {
    clear(of_key);
    clear(of_value);
  }

  // Adds 16 queries, from a row of the tile on, whose lse in base 2 and changes are given by rows.
  template <class Sees>
  __device__ __forceinline__ void add(
      const OtherTile& queries, const OtherTile& gradients, int row, const float* sizes,
      const float* changes, float scale, Sees sees) {
    int lane = threadIdx.x % 32;
    Sums score[1], along[1];
    clear(score);
    clear(along);
#pragma unroll
    for (int s = 0; s < STEPS; s++) {
      Operand b;
      queries.b(b, row, s * 16, lane);
      multiply(score[0], key.at(s), b);
      gradients.b(b, row, s * 16, lane);
      multiply(along[0], value.at(s), b);
    }
    each_sum(score, [&](float& x, int r, int column) {
      int i = row + column;
      x = sees(r, i) ? exp2_fast(x * scale * LOG2_E - sizes[i]) : 0.f;
    });
    Operand p, ds;
    to_operand(p, score[0]);
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int i = row + half * 8 + lane % 4 * 2 + e % 2;
        score[0][half][e] *= (along[0][half][e] - changes[i]) * scale;
      }
    to_operand(ds, score[0]);
#pragma unroll
    for (int s = 0; s < backward::SLICE_STEPS; s++) {
      int column = first_column() + s * 16;
      if (STEPS % backward::SLICES == 0 || column < WIDTH) {
        Operand b;
        gradients.b_transposed(b, row, column, lane);
        multiply(of_value[s], p, b);
        queries.b_transposed(b, row, column, lane);
        multiply(of_key[s], ds, b);
      }
    }
  }

  __device__ __forceinline__ int first_column() const {
    return slice * backward::SLICE_STEPS * 16;
  }
};

// Gradients of keys and values through the windows.
//
// Launch: grid (time / TILE, rounded up, times SLICES; kvHeads; batch), THREADS threads.
extern "C" __global__ void __launch_bounds__(THREADS) pattern_backward_near(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* v, Long v_batch, Long v_time, Long v_head,
    const Long* starts, const Element* dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* lse, const float* change, Element* dk, Element* dv, int time, int heads,
    int shared, int window, float scale) {
  wait_for_prerequisites();
  __shared__ float sizes[OTHERS], changes[OTHERS];
  __shared__ int oldest[OTHERS];
  Long of = blockIdx.y, batch = blockIdx.z;
  if (starts) starts += batch * time;
  k += batch * k_batch + of * k_head;
  v += batch * v_batch + of * v_head;
  int first = blockIdx.x / backward::SLICES * TILE, last = min(first + TILE, time) - 1;
  OwnTile keys(SHARED), values(SHARED + OwnTile::BYTES);
  OtherTile queries(SHARED + 2 * OwnTile::BYTES);
  OtherTile gradients(SHARED + 2 * OwnTile::BYTES + OtherTile::BYTES);
  auto own = [&](int row, Long time_stride) {
    return first + row <= last ? (first + row) * time_stride : -1;
  };
  load_rows(keys, k, [&](int row) { return own(row, k_time); });
  load_rows(values, v, [&](int row) { return own(row, v_time); });
  copies_arrive();
  KeySums sums(keys, values, blockIdx.x % backward::SLICES);

  int warp_first = first + threadIdx.x / 32 * STRIP, lane = threadIdx.x % 32;
  int newest = min(time - 1, last + window - 1);  // query that sees one of the keys
  for (int h = 0; h < shared; h++) {
    Long head = of * shared + h, row_of_head = (batch * heads + head) * time;
    const Element* query = q + batch * q_batch + head * q_head;
    const Element* gradient = dout + batch * dout_batch + head * dout_head;
    for (int from = first; from <= newest && start_of(starts, from) <= last; from += OTHERS) {
      auto others = [&](int row, Long time_stride) {
        return from + row < time ? (from + row) * time_stride : -1;
      };
      __syncthreads();
      load_rows(queries, query, [&](int row) { return others(row, q_time); });
      load_rows(gradients, gradient, [&](int row) { return others(row, dout_time); });
      if (threadIdx.x < OTHERS) {
        int t = from + threadIdx.x;
        bool some = t < time;
        sizes[threadIdx.x] = some ? lse[row_of_head + t] * LOG2_E : 0.f;
        changes[threadIdx.x] = some ? change[row_of_head + t] : 0.f;
        oldest[threadIdx.x] = some ? max(start_of(starts, t), t - window + 1) : time;
      }
      copies_arrive();
#pragma unroll 1
      for (int row = 0; row < OTHERS; row += 16) {
        int begin = from + row;
        if (begin + 15 < warp_first || begin - window + 1 >= warp_first + STRIP) continue;
        sums.add(queries, gradients, row, sizes, changes, scale, [&](int r, int i) {
          int key = warp_first + lane / 4 + 8 * r;
          return key <= from + i && key >= oldest[i];
        });
      }
    }
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    Long key = warp_first + lane / 4 + 8 * r;
    Long to = ((batch * time + key) * gridDim.y + of) * HEAD_DIM;
    if (key <= last) {
      store_sums(dk + to, sums.of_key, r, 1.f, sums.first_column());
      store_sums(dv + to, sums.of_value, r, 1.f, sums.first_column());
    }
  }
}

// Gradients of strided keys and their values, which strided_sums.cu adds up.
//
// Launch: grid (tasks times SLICES, heads, batch), THREADS threads.
//
//   partials  fp32 [batch, heads, tasks, 2, TILE, HEAD_DIM]: of keys, of values
extern "C" __global__ void __launch_bounds__(THREADS) pattern_backward_far(
    const Element* q, Long q_batch, Long q_time, Long q_head, const Element* k, Long k_batch,
    Long k_time, Long k_head, const Element* v, Long v_batch, Long v_time, Long v_head,
    const Long* starts, const Element* dout, Long dout_batch, Long dout_time, Long dout_head,
    const float* lse, const float* change, float* partials, int time, int heads, int shared,
    int window, int every, int globals, float scale, int firsts, int first_tasks, int other_tasks,
    int span) {
  wait_for_prerequisites();
  __shared__ float sizes[OTHERS], changes[OTHERS];
  __shared__ int documents[OTHERS], blocks[OTHERS];
  __shared__ int own_documents[TILE], own_indices[TILE];
  Long head = blockIdx.y, batch = blockIdx.z;
  int task = blockIdx.x / backward::SLICES, lane = threadIdx.x % 32;
  if (starts) starts += batch * time;
  Tasks tasks = {firsts, first_tasks, other_tasks};
  int tile = tasks.tile(task);
  if (threadIdx.x < TILE) {
    Key key(starts, tile * TILE + threadIdx.x, firsts, time, window, every);
    own_documents[threadIdx.x] = key.document;
    own_indices[threadIdx.x] = key.index;
  }
  __syncthreads();
  OwnTile keys(SHARED), values(SHARED + OwnTile::BYTES);
  OtherTile queries(SHARED + 2 * OwnTile::BYTES);
  OtherTile gradients(SHARED + 2 * OwnTile::BYTES + OtherTile::BYTES);
  auto own = [&](int row, Long time_stride) {
    Long position = own_documents[row] + (Long)own_indices[row] * every;
    return own_documents[row] >= 0 ? position * time_stride : -1;
  };
  k += batch * k_batch + head / shared * k_head;
  v += batch * v_batch + head / shared * v_head;
  load_rows(keys, k, [&](int row) { return own(row, k_time); });
  load_rows(values, v, [&](int row) { return own(row, v_time); });
  copies_arrive();
  KeySums sums(keys, values, blockIdx.x % backward::SLICES);
  int strip = threadIdx.x / 32 * STRIP, document[2], index[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    document[r] = own_documents[strip + lane / 4 + 8 * r];
    index[r] = own_indices[strip + lane / 4 + 8 * r];
  }

  q += batch * q_batch + head * q_head;
  dout += batch * dout_batch + head * dout_head;
  Long row_of_head = (batch * heads + head) * time;
  int begin = tasks.first_query(task, span, window, every), end = min(time, begin + span);
  for (int from = begin; from < end; from += OTHERS) {
    if (tasks.beyond(tile, (from - window) / every - globals)) break;
    // Whether queries of these can see one of this thread's keys.
    int last = min(from + OTHERS, end) - 1, oldest = start_of(starts, from);
    bool seen = false;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int start = document[r];
      Keys some(max(from, start) - start, last - start, window, every, globals);
      seen |= start >= oldest && start <= last && some.have(index[r]);
    }
    if (!__syncthreads_or(seen)) continue;
    auto others = [&](int row, Long time_stride) {
      return from + row <= last ? (from + row) * time_stride : -1;
    };
    load_rows(queries, q, [&](int row) { return others(row, q_time); });
    load_rows(gradients, dout, [&](int row) { return others(row, dout_time); });
    if (threadIdx.x < OTHERS) {
      int t = from + threadIdx.x;
      bool some = t <= last;
      int start = some ? start_of(starts, t) : 0, before = t - start - window;
      documents[threadIdx.x] = start;
      blocks[threadIdx.x] = some && before >= 0 ? before / every : -1;
      sizes[threadIdx.x] = some ? lse[row_of_head + t] * LOG2_E : 0.f;
      changes[threadIdx.x] = some ? change[row_of_head + t] : 0.f;
    }
    copies_arrive();
    if (!__any_sync(0xffffffffu, seen)) continue;
#pragma unroll 1
    for (int row = 0; row < OTHERS; row += 16) {
      sums.add(queries, gradients, row, sizes, changes, scale, [&](int r, int i) {
        return documents[i] == document[r] && visible(index[r], blocks[i], globals);
      });
    }
  }
  partials += ((batch * heads + head) * (gridDim.x / backward::SLICES) + task) * 2 * TILE * HEAD_DIM;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float* to = partials + (strip + lane / 4 + 8 * r) * HEAD_DIM;
    store_sums(to, sums.of_key, r, 1.f, sums.first_column());
    store_sums(to + TILE * HEAD_DIM, sums.of_value, r, 1.f, sums.first_column());
  }
}
