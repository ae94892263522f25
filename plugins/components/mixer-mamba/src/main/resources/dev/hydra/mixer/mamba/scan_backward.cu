// The gradients of scan_forward.cu, tile after tile from the last. With g[t] the gradient of h[t] and
// decay[t] = exp(step[t] a):
//   g[t] = c[t] dy[t] + decay[t + 1] g[t + 1]
//   dx = step sum(g b) + skip dy,  db = sum over channels of g step x,  dc = sum over channels of dy h
//   da = sum over time of step l,  dstep = sum(a l) + x sum(g b),   l = decay[t] h[t - 1] g[t]
//   ddt = dstep (1 - exp(-step)),  dbias = sum over time of ddt,  dskip = sum over time of dy x
// From the state before a tile, which forward kept, those before its chunks are computed again, and
// from the state before a chunk those within it, which stay in registers with their decays.
//
// flows [batch][spans][channels][states] are the gradients of the states after each span; zeros if
// null. With more than one slice, sum(g b) is added up in input_sums and dstep in step_sums, and the
// rest is complete with the last. For column_sums are left: in `shared_sums` [gridDim.x][batch][time]
// [dc, then db: 2 SLICE] what a block's channels add up to, in `rate_sums` [batch][spans][channels]
// [states] da of a span, in `channel_sums` [batch][spans][dbias, then dskip: 2 channels] those.

#define VALUES (2 * EACH)

extern "C" __global__ void __launch_bounds__(THREADS, 2) scan_backward(
    const Element* __restrict__ dy, long long dy_batch, long long dy_time,
    const Element* __restrict__ x, long long x_batch, long long x_time, const Element* __restrict__ dt,
    long long dt_batch, long long dt_time, const float* __restrict__ a, const Element* __restrict__ b,
    long long b_batch, long long b_time, const Element* __restrict__ c, long long c_batch,
    long long c_time, const float* __restrict__ bias, const float* __restrict__ skip,
    const long long* __restrict__ documents, const float* __restrict__ before,
    const float* __restrict__ flows, Element* __restrict__ dx, Element* __restrict__ d_dt,
    float* __restrict__ input_sums, float* __restrict__ step_sums, float* __restrict__ rate_sums,
    float* __restrict__ shared_sums, float* __restrict__ channel_sums, float* __restrict__ d_initial, int time, int channels, int states, int first_state, int tiles) {
  __shared__ __align__(16) ByChannel xs, dts, dys;
  __shared__ __align__(16) ByState bs, cs;
  __shared__ __align__(16) float lefts[TOKENS], starts[TOKENS / CHUNK][THREADS][EACH];
  __shared__ float over_channels[WARPS][TOKENS][2 * SLICE];
  Walk walk(channels, time, first_state, states, tiles);
  dy += walk.item * dy_batch;
  x += walk.item * x_batch;
  dt += walk.item * dt_batch;
  b += walk.item * b_batch;
  c += walk.item * c_batch;
  if (documents) documents += (long long)walk.item * time;
  int own = threadIdx.x / PARTS, from = threadIdx.x % PARTS * EACH;
  long long span = (long long)walk.item * gridDim.z + blockIdx.z;
  shared_sums += ((long long)blockIdx.x * gridDim.y + walk.item) * time * 2 * SLICE;

  float rate[EACH], flow[EACH], rate_sum[EACH], start[EACH];
  walk.rates(a, rate);
  walk.read(flows, span, flow);
#pragma unroll
  for (int e = 0; e < EACH; e++) rate_sum[e] = 0.f;
  float skipping = walk.active ? skip[walk.channel] : 0.f, bias_sum = 0.f, skip_sum = 0.f;
  bool complete = is_last_slice(first_state, states);

  Channels<true> x_ahead(x, x_time, walk), dy_ahead(dy, dy_time, walk);
  Steps<true> dt_ahead(dt, dt_time, bias, walk);
  States<true> b_ahead(b, b_time, walk, first_state), c_ahead(c, c_time, walk, first_state);
  float left_ahead, start_ahead[EACH];
  auto fetch = [&](int tile) {
    x_ahead.fetch();
    dt_ahead.fetch();
    dy_ahead.fetch();
    b_ahead.fetch();
    c_ahead.fetch();
    left_ahead = fetch_left(documents, walk, tile);
    walk.read(before, (long long)walk.item * walk.all() + tile, start_ahead);
  };
  fetch(walk.end - 1);
  for (int tile = walk.end - 1; tile >= walk.first; tile--) {
    x_ahead.put(xs);
    dt_ahead.put(dts);
    dy_ahead.put(dys);
    b_ahead.put(bs);
    c_ahead.put(cs);
    if (threadIdx.x < TOKENS) lefts[threadIdx.x] = left_ahead;
#pragma unroll
    for (int e = 0; e < EACH; e++) start[e] = start_ahead[e];
    __syncthreads();
    if (tile > walk.first) fetch(tile - 1);

    store(starts[0][threadIdx.x], start);
#pragma unroll 1
    for (int i = 0; i < TOKENS - CHUNK; i += CHUNK) {
      float x_of[CHUNK], dt_of[CHUNK], left[CHUNK];
      load_floats<CHUNK>(&xs[own][i], x_of);
      load_floats<CHUNK>(&dts[own][i], dt_of);
      load_floats<CHUNK>(&lefts[i], left);
#pragma unroll
      for (int j = 0; j < CHUNK; j++) {
        float b_of[EACH], added = dt_of[j] * x_of[j];
        load_floats<EACH>(&bs[i + j][from], b_of);
#pragma unroll
        for (int e = 0; e < EACH; e++)
          start[e] = exp2_fast(dt_of[j] * rate[e] + left[j]) * start[e] + added * b_of[e];
      }
      store(starts[i / CHUNK + 1][threadIdx.x], start);
    }

#pragma unroll 1
    for (int i = TOKENS - CHUNK; i >= 0; i -= CHUNK) {
      float dt_of[CHUNK], dy_of[CHUNK], added[CHUNK], decay[CHUNK][EACH], h[CHUNK + 1][EACH];
      {
        float x_of[CHUNK], left[CHUNK];
        load_floats<CHUNK>(&xs[own][i], x_of);
        load_floats<CHUNK>(&dts[own][i], dt_of);
        load_floats<CHUNK>(&lefts[i], left);
        load_floats<EACH>(starts[i / CHUNK][threadIdx.x], h[0]);
#pragma unroll
        for (int j = 0; j < CHUNK; j++) {
          float b_of[EACH];
          load_floats<EACH>(&bs[i + j][from], b_of);
          added[j] = dt_of[j] * x_of[j];
#pragma unroll
          for (int e = 0; e < EACH; e++) {
            decay[j][e] = exp2_fast(dt_of[j] * rate[e] + left[j]);
            h[j + 1][e] = decay[j][e] * h[j][e] + added[j] * b_of[e];
          }
        }
      }
      load_floats<CHUNK>(&dys[own][i], dy_of);

      float of_added[CHUNK], of_step[CHUNK];
#pragma unroll
      for (int j = CHUNK - 1; j >= 0; j--) {
        float b_of[EACH], c_of[EACH], values[VALUES];
        load_floats<EACH>(&bs[i + j][from], b_of);
        load_floats<EACH>(&cs[i + j][from], c_of);
        of_added[j] = 0.f;
        of_step[j] = 0.f;
#pragma unroll
        for (int e = 0; e < EACH; e++) {
          float g = flow[e] + c_of[e] * dy_of[j];
          values[e] = dy_of[j] * h[j + 1][e];
          values[EACH + e] = g * added[j];
          of_added[j] += g * b_of[e];
          flow[e] = decay[j][e] * g;
          float log = flow[e] * h[j][e];
          rate_sum[e] += dt_of[j] * log;
          of_step[j] += rate[e] * log;
        }
        int index = 0;
        add_over<VALUES, 16, PARTS>(values, index);
        over_channels[threadIdx.x / 32][i + j][index / EACH * SLICE + from + index % EACH] = values[0];
      }

      int j = i + over_parts(of_added);
      over_parts(of_step);
      long long at = ((long long)walk.item * time + tile * TOKENS + j) * channels + walk.channel;
#pragma unroll
      for (int f = 0; f < FEW; f++) {
        if (walk.active && tile * TOKENS + j + f < time) {
          float x_of = xs[own][j + f], step = dts[own][j + f], dy_here = dys[own][j + f];
          float d_input = over_slices(of_added[f], input_sums, at, first_state);
          float d_step = LN_2 * of_step[f] + x_of * of_added[f];
          d_step = over_slices(d_step, step_sums, at, first_state);
          if (complete) {
            d_step *= slope(step);
            from_float(step * d_input + skipping * dy_here, dx[at]);
            from_float(d_step, d_dt[at]);
            bias_sum += d_step;
            skip_sum += dy_here * x_of;
          } else {
            input_sums[at] = d_input;
            step_sums[at] = d_step;
          }
        }
        at += channels;
      }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < TOKENS * 2 * SLICE; i += THREADS) {
      int j = i / (2 * SLICE), k = i % (2 * SLICE);
      float sum = 0.f;
#pragma unroll
      for (int w = 0; w < WARPS; w++) sum += over_channels[w][j][k];
      if (tile * TOKENS + j < time) shared_sums[(long long)tile * TOKENS * 2 * SLICE + i] = sum;
    }
    // The barrier of the next tile is before anyone writes these sums again.
  }
  walk.write(rate_sums, span, rate_sum);
  if (complete) {
#pragma unroll
    for (int mask = PARTS / 2; mask > 0; mask /= 2) {
      bias_sum += exchange(bias_sum, mask);
      skip_sum += exchange(skip_sum, mask);
    }
    if (walk.active && threadIdx.x % PARTS == 0) {
      channel_sums += span * 2 * channels + walk.channel;
      channel_sums[0] = bias_sum;
      channel_sums[channels] = skip_sum;
    }
  }
  if (blockIdx.z == 0) walk.write(d_initial, walk.item, flow);
}
