// The activation f of a gate. Chosen by the host: ACTIVATION 0: silu (SwiGLU), 1: gelu by erf (GEGLU).

struct Curve {
  float value, slope;
};

__device__ __forceinline__ Curve activation(float x) {
  Curve at;
  if (ACTIVATION == 0) {
    float s = sigmoid(x);
    at.value = x * s;
    at.slope = silu_slope(x, s);
  } else {
    float cdf = 0.5f * (1.f + erff(0.7071067811865476f * x));
    at.value = x * cdf;
    at.slope = cdf + x * 0.3989422804014327f * exp2_fast(-0.5f * LOG2_E * x * x);
  }
  return at;
}
