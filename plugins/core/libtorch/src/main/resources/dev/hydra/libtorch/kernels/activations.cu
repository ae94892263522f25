// Activations and their derivatives, by the logistic function. Nothing overflows for finite x: the
// exponential goes to infinity and its reciprocal to 0.

__device__ __forceinline__ float sigmoid(float x) {
  return reciprocal_fast(1.f + exp2_fast(-LOG2_E * x));
}

// The same within fewer units of the last place, for gates that whole rows share.
__device__ __forceinline__ float logistic(float x) { return 1.f / (1.f + exp2f(-LOG2_E * x)); }

__device__ __forceinline__ float silu(float x) { return x * sigmoid(x); }

// The derivative of silu at x, whose sigmoid is s.
__device__ __forceinline__ float silu_slope(float x, float s) { return s * (1.f + x * (1.f - s)); }
