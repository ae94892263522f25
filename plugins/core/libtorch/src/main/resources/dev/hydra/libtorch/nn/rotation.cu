// Rotary positions in the half layout: of the first 2 * half dimensions of a head, i and half + i are
// a pair that is turned by the angle of its token, times sign (-1 turns back: the gradient). The
// dimensions beyond are copied. From Input to Element.
//
// A thread takes VECTOR pairs, or VECTOR dimensions beyond; half, the dimensions beyond, strides and
// addresses must be multiples of it. Cosines and sines are float32 [1 or batch, time, half].
// Grid: ceil(batch * time * heads * ((dims - half) / VECTOR) / THREADS).

#define THREADS 256  // FusedRotation launches so many

extern "C" __device__ const int rotation_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) rotation(
    const Input* x, long long x_batch, long long x_time, long long x_head, const float* cosines,
    const float* sines, long long angles_batch,
    Element* __restrict__ y, long long count, int time, int heads, int dims, int half, float sign) {
  launch_dependents();
  wait_for_prerequisites();
  int each = (dims - half) / VECTOR;
  long long i = blockIdx.x * (long long)THREADS + threadIdx.x;
  if (i >= count) return;
  long long row = i / each;
  int column = (int)(i - row * each) * VECTOR;
  long long token = row / heads;
  int head = (int)(row - token * heads);
  long long item = token / time;
  int t = (int)(token - item * time);
  x += item * x_batch + t * x_time + head * x_head;
  y += row * dims;

  float first[VECTOR], second[VECTOR];
  if (column >= half) {
    load_floats<VECTOR>(x + half + column, first);
    store(y + half + column, first);
    return;
  }
  long long angle = item * angles_batch + (long long)t * half + column;
  float cosine[VECTOR], sine[VECTOR], turned_first[VECTOR], turned_second[VECTOR];
  load_floats<VECTOR>(cosines + angle, cosine);
  load_floats<VECTOR>(sines + angle, sine);
  load_floats<VECTOR>(x + column, first);
  load_floats<VECTOR>(x + half + column, second);
#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
    turned_first[v] = first[v] * cosine[v] - sign * second[v] * sine[v];
    turned_second[v] = second[v] * cosine[v] + sign * first[v] * sine[v];
  }
  store(y + column, turned_first);
  store(y + half + column, turned_second);
}
