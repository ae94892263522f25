// The embedding of tokens: rows of a table, times a factor, in the type of the residual stream.
//
// Grid: (tokens / 8, columns / (64 * VECTOR)), both rounded up, 256 threads: a warp has so many columns
// of a token. Width is a multiple of VECTOR, and every row begins where whole vectors do.
//
//   table   Element [rows, width]
//   tokens  int64 [count]; one that is not in the table gives what is not a number, and no memory is
//           touched for it
//   out     Stream [count, width]
typedef long long Long;

constexpr int PIECES = 2;

extern "C" __device__ const int embedding_waits = 1;

extern "C" __global__ void __launch_bounds__(256) embedding(
    const Element* table, const Long* tokens, Stream* out, Long count, Long rows, int width,
    float factor) {
  wait_for_prerequisites();
  Long place = (Long)blockIdx.x * 8 + threadIdx.x / 32;
  if (place >= count) return;
  Long token = tokens[place];
  bool known = token >= 0 && token < rows;
  int first = (blockIdx.y * 32 * PIECES + threadIdx.x % 32) * VECTOR;
  Vector<Element, VECTOR> found[PIECES];
#pragma unroll
  for (int p = 0; p < PIECES; p++) {
    int column = first + p * 32 * VECTOR;
    if (known && column < width) found[p] = load<VECTOR>(table + token * width + column);
  }
#pragma unroll
  for (int p = 0; p < PIECES; p++) {
    int column = first + p * 32 * VECTOR;
    if (column >= width) break;
    float values[VECTOR];
    found[p].unpack(values);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) values[v] = known ? factor * values[v] : __uint_as_float(0x7fffffffu);
    store<Stream, VECTOR>(out + place * width + column, values);
  }
}
