// Adds the sums over tasks, and over the heads that share a key, to the gradients of keys and values
// [batch, time, kvHeads, HEAD_DIM], contiguous, in a fixed order.
//
// Compile-time options (-D): HEAD_DIM; ELEMENT_BF16 for the type of the gradients.
//
// Launch: grid (places of keys, kvHeads, batch), 2 * HEAD_DIM threads.
extern "C" __global__ void __launch_bounds__(2 * HEAD_DIM) strided_backward_sums(
    const float* __restrict__ partials, const Long* __restrict__ starts,
    Element* __restrict__ dk, Element* __restrict__ dv, int time, int heads, int shared, int window, int every, int firsts,
    int first_tasks, int other_tasks, int tasks) {
  int tile = blockIdx.x / TILE, row = blockIdx.x % TILE;
  int element = threadIdx.x % HEAD_DIM, which = threadIdx.x / HEAD_DIM;
  Tasks cut = {firsts, first_tasks, other_tasks};
  int begin = cut.begin(tile), count = cut.of(tile);
  Long batch = blockIdx.z;
  if (starts) starts += batch * time;
  Key key(starts, blockIdx.x, firsts, time, window, every);
  if (!key.exists()) return;
  float sum = 0.f;
  for (int h = 0; h < shared; h++) {
    Long head = batch * heads + blockIdx.y * shared + h;
    const float* from = partials + (head * tasks + begin) * 2 * TILE * HEAD_DIM +
                        (which * TILE + row) * HEAD_DIM + element;
#pragma unroll 8
    for (int i = 0; i < count; i++) sum += from[(Long)i * 2 * TILE * HEAD_DIM];
  }
  Element* to = which ? dv : dk;
  to += ((batch * time + key.position(every)) * gridDim.y + blockIdx.y) * HEAD_DIM + element;
  from_float(to_float(*to) + sum, *to);
}
