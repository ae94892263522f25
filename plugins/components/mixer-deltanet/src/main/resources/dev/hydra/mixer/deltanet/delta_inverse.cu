// The inverse of a unit lower triangular matrix of C x C in shared memory, by 16 x 16 blocks: those
// on the diagonal row by row in fp32, the others from them by products. Tensor cores take both
// operands as two bf16 whatever the elements are, so that rounding is near 1e-5.

// Rows begin 8 banks apart: lanes of a quarter warp read different ones.
constexpr int INVERSE_PITCH = C + 8;
constexpr int INVERSE_BYTES = C * INVERSE_PITCH * 4;

typedef Parts<2> Precise;

// The 16 x 16 at (row, column), stored (columns of the product, depth), as b.
__device__ __forceinline__ void precise_b(Precise& o, const float* matrix, int row, int column, int lane) {
  const float* at = matrix + (row + (lane >> 2)) * INVERSE_PITCH + column + 2 * (lane & 3);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    float2 two = *(const float2*)(at + i / 2 * 8 * INVERSE_PITCH + i % 2 * 8);
    set(o, i, two.x, two.y);
  }
}

// Replaces a matrix by (I + what it holds below the diagonal)^-1. Blocks above those on the diagonal
// are not touched; what is above the diagonal in these becomes 0. All THREADS must call it.
__device__ __forceinline__ void invert(float* matrix, int thread) {
  int lane = thread & 31;
  int warp = thread >> 5;
  if (thread < C) {  // a thread for every column of the blocks on the diagonal
    int column = thread % 16;
    float* block = matrix + thread / 16 * 16 * (INVERSE_PITCH + 1);
    float solved[16];
#pragma unroll
    for (int i = 0; i < 16; i++) {
      float sums[4] = {i == column ? 1.0f : 0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
      for (int j = 0; j < i; j += 4) {
        float4 four = *(const float4*)(block + i * INVERSE_PITCH + j);
        sums[0] -= four.x * solved[j];
        if (j + 1 < i) sums[1] -= four.y * solved[j + 1];
        if (j + 2 < i) sums[2] -= four.z * solved[j + 2];
        if (j + 3 < i) sums[3] -= four.w * solved[j + 3];
      }
      solved[i] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 16; i++) block[i * INVERSE_PITCH + column] = solved[i];
  }
  __syncthreads();

  // Warp j takes the blocks below that of its column j, from above: of their transposes
  //   inverse[i][j]^T = -(sum over j <= k < i of inverse[k][j]^T matrix[i][k]^T) inverse[i][i]^T,
  // so that each result is an operand of the next product as it stands.
  Precise found[STRIPS];
  Sums results[STRIPS] = {};
  {
    const float* own = matrix + 16 * warp * (INVERSE_PITCH + 1);
    each(results[0], 0, 0, lane, [&](float& value, int row, int column) {
      value = own[column * INVERSE_PITCH + row];
    });
    to_operand(found[0], results[0]);
  }
#pragma unroll
  for (int below = 1; below < STRIPS; below++) {
    int i = warp + below;
    if (i < STRIPS) {
      Sums sum = {};
#pragma unroll
      for (int k = 0; k < below; k++) {
        Precise right;
        precise_b(right, matrix, 16 * i, 16 * (warp + k), lane);
        multiply(sum, found[k], right);
      }
      Precise left, right;
      to_operand(left, sum);
      precise_b(right, matrix, 16 * i, 16 * i, lane);
      Sums product = {};
      multiply(product, left, right);
#pragma unroll
      for (int e = 0; e < 8; e++) results[below][e / 4][e % 4] = -product[e / 4][e % 4];
      to_operand(found[below], results[below]);
    }
  }
  __syncthreads();
#pragma unroll
  for (int below = 1; below < STRIPS; below++) {
    int i = warp + below;
    if (i < STRIPS) {
      each(results[below], 0, 0, lane, [&](float& value, int row, int column) {
        matrix[(16 * i + column) * INVERSE_PITCH + 16 * warp + row] = value;
      });
    }
  }
  __syncthreads();
}
