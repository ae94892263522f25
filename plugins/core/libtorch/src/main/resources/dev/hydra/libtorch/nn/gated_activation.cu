// The gate of a gated feed-forward: out = f(multiplier * gate) * up, f as gate_curve.cu says. gate
// and up may be halves of one tensor (row strides), and so may their gradients. Backward computes f
// again from gate, and where out is given, what forward did.
//
// A thread takes one vector of VECTOR elements: hidden, the strides and the addresses must be
// multiples of it.
// Grid: ceil(rows * (hidden / VECTOR) / THREADS), rows * hidden / VECTOR below 2^32.

#define THREADS 256  // FusedGate launches so many

extern "C" __device__ const int gated_activation_forward_waits = 1;

extern "C" __global__ void __launch_bounds__(THREADS) gated_activation_forward(
    const Element* gate, long long gate_row, const Element* up, long long up_row, float multiplier,
    Element* __restrict__ out, long long out_row, long long rows, int hidden) {
  launch_dependents();
  wait_for_prerequisites();
  unsigned vectors = hidden / VECTOR, i = blockIdx.x * THREADS + threadIdx.x;
  long long row = i / vectors;
  int column = (i - (unsigned)row * vectors) * VECTOR;
  if (row >= rows) return;
  float g[VECTOR], u[VECTOR];
  load_floats<VECTOR>(gate + row * gate_row + column, g);
  load_floats<VECTOR>(up + row * up_row + column, u);
#pragma unroll
  for (int v = 0; v < VECTOR; v++) u[v] *= activation(multiplier * g[v]).value;
  store(out + row * out_row + column, u);
}

extern "C" __global__ void __launch_bounds__(THREADS) gated_activation_backward(
    const Element* __restrict__ dout, long long dout_row, const Element* __restrict__ gate,
    long long gate_row, const Element* __restrict__ up, long long up_row, float multiplier,
    Element* __restrict__ dgate, long long dgate_row, Element* __restrict__ dup, long long dup_row,
    Element* __restrict__ out, long long out_row, long long rows, int hidden) {
  unsigned vectors = hidden / VECTOR, i = blockIdx.x * THREADS + threadIdx.x;
  long long row = i / vectors;
  int column = (i - (unsigned)row * vectors) * VECTOR;
  if (row >= rows) return;
  float d[VECTOR], g[VECTOR], u[VECTOR], again[VECTOR];
  load_floats<VECTOR>(dout + row * dout_row + column, d);
  load_floats<VECTOR>(gate + row * gate_row + column, g);
  load_floats<VECTOR>(up + row * up_row + column, u);
#pragma unroll
  for (int v = 0; v < VECTOR; v++) {
    Curve at = activation(multiplier * g[v]);
    again[v] = u[v] * at.value;
    g[v] = d[v] * u[v] * at.slope * multiplier;
    u[v] = d[v] * at.value;
  }
  store(dgate + row * dgate_row + column, g);
  store(dup + row * dup_row + column, u);
  if (out) store(out + row * out_row + column, again);
}
