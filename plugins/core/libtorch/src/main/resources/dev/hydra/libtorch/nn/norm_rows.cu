// What the norms' kernels do alike, each thread for its columns: ITEMS vectors of VECTOR, those from `end` on
// not being there. Columns count from where the row begins, not the group: of pointers that are moved to the group's
// begin first, the compiler stores a vector in four parts. After reductions.cu.

// y = values / rms * scale.
__device__ __forceinline__ void store_normed(
    float (&values)[ITEMS][VECTOR], float inverse, const float (&scale)[ITEMS][VECTOR], Element* y,
    const int (&columns)[ITEMS], int end) {
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    if (columns[i] < end) {
#pragma unroll
      for (int v = 0; v < VECTOR; v++) values[i][v] *= inverse * scale[i][v];
      store(y + columns[i], values[i]);
    }
  }
}

// dy n, what a row adds to the gradient of the weights, goes to `sums`; n = h / rms. Gives this thread's part of the
// sum of dy w n.
__device__ __forceinline__ float normed_dot(
    const Vector<Element, VECTOR> (&dy)[ITEMS], const Vector<Stream, VECTOR> (&h)[ITEMS], float inverse,
    const float (&scale)[ITEMS][VECTOR], float (&sums)[ITEMS][VECTOR]) {
  float dot = 0.f;
#pragma unroll
  for (int i = 0; i < ITEMS; i++) {
    float d[VECTOR], n[VECTOR];
    dy[i].unpack(d);
    h[i].unpack(n);
#pragma unroll
    for (int v = 0; v < VECTOR; v++) {
      float product = d[v] * (n[v] * inverse);
      sums[i][v] += product;
      dot += product * scale[i][v];
    }
  }
  return dot;
}
