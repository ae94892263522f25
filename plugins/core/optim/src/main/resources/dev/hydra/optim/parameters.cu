// The list of parameters that the optimizer's kernels work on, built once by the host: an array of
// records of eight 8-byte words on the device, and the chunks of at most `chunk` elements (a
// multiple of 4) that blocks take, as pairs (number of the record, number of the chunk within it).

struct Parameter {
  float* master;
  void* gradient;   // float32, or bf16 if flagged
  float* average;   // running average of the gradient
  float* square;    // running average of its square
  bf16* copy;       // working copy in bf16, or null
  float* step;      // steps made so far; several parameters may not share one
  long long size;   // elements
  float decay;      // weight decay (0: none)
  int flags;        // see below
};

#define GRADIENT_IS_BF16 1
#define CLEAR_GRADIENT 2  // write zeros over the gradient that was used (or skipped)
#define ALIGNED 4         // all addresses are multiples of 16 (bf16: 8), so that four go at once

// Where a step's gradient stands: what gradient_norm.cu finds out and adamw.cu goes by.
struct Verdict {
  float norm;         // of the scaled gradient, before clipping
  float coefficient;  // what to multiply the gradient by: scale, and clipping
  int finite;         // 0: something in it is not finite; the step is to be left out
  int unused;
};
