// What the causal convolution's kernels do alike: the taps of a thread's VECTOR neighbouring channels, and the window of
// inputs that they see, in registers. After vectors.cu and activations.cu.
//
// Inputs of another document than a token's do not count for it: bit `back` of its mask, see document_masks.cu. Inputs
// before the first token come from `past`, which the documents do not cut (zeros without it).

constexpr int ALL = (1 << TAPS) - 1;  // the mask of a token that sees its whole window

struct Window {
  float taps[TAPS][VECTOR], offset[VECTOR];
  float inputs[TAPS][VECTOR];  // 0, 1, 2... tokens back

  // Puts it before token `start` of a sequence, where x is. `past` is that of the sequence.
  __device__ __forceinline__ void begin(
      const Element* x, long long x_row, int start, int channel, const Weight* weight,
      const Weight* bias, const Element* past, long long past_step, long long past_channel) {
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
#pragma unroll
      for (int k = 0; k < TAPS; k++) taps[k][v] = to_float(weight[(channel + v) * TAPS + k]);
      offset[v] = BIAS ? to_float(bias[channel + v]) : 0.f;
    }
#pragma unroll
    for (int back = 1; back < TAPS; back++) {
      int t = start - back;
#pragma unroll
      for (int v = 0; v < VECTOR; v++) inputs[back - 1][v] = 0.f;
      if (t >= 0) {
        load_floats<VECTOR>(x - back * x_row, inputs[back - 1]);
      } else if (PAST) {
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
          inputs[back - 1][v] =
              to_float(past[(t + TAPS - 1) * past_step + (channel + v) * past_channel]);
      }
    }
  }

  // Takes in the next token's input and gives what the activation sees of it. WHOLE: its mask is ALL.
  template <bool WHOLE>
  __device__ __forceinline__ void take(
      const Vector<Element, VECTOR>& input, int mask, float (&seen)[VECTOR]) {
#pragma unroll
    for (int back = TAPS - 1; back > 0; back--) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) inputs[back][v] = inputs[back - 1][v];
    }
    input.unpack(inputs[0]);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) seen[v] = offset[v];
#pragma unroll
    for (int back = 0; back < TAPS; back++) {
      if (WHOLE || mask >> back & 1) {
#pragma unroll
        for (int v = 0; v < VECTOR; v++) seen[v] += taps[TAPS - 1 - back][v] * inputs[back][v];
      }
    }
  }
};
