// What AdamW does to one element, and the constants of its step.

struct Constants {
  float keep1, add1, keep2, add2, epsilon;  // beta1, 1 - beta1, beta2, 1 - beta2
  float coefficient, shrink, rate, root;    // of this step and parameter
};

__device__ __forceinline__ void update(
    float& master, float gradient, float& average, float& square, const Constants& c) {
  float g = gradient * c.coefficient;
  average = c.keep1 * average + c.add1 * g;
  square = c.keep2 * square + c.add2 * g * g;
  master = master * c.shrink - c.rate * average / (sqrtf(square) * c.root + c.epsilon);
}

__device__ __forceinline__ Constants constants_of(
    const Parameter& p, const Verdict& verdict, float learning_rate, float2 rates, float keep1,
    float add1, float keep2, float add2, float epsilon) {
  Constants c;
  c.keep1 = keep1;
  c.add1 = add1;
  c.keep2 = keep2;
  c.add2 = add2;
  c.epsilon = epsilon;
  c.coefficient = verdict.coefficient;
  c.shrink = 1.f - learning_rate * p.decay;
  c.rate = rates.x;
  c.root = rates.y;
  return c;
}
