package dev.hydra.libtorch.products;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.cuda.cublas.cublasLtMatmulAlgo_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulDescOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulHeuristicResult_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulPreferenceOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatrixLayoutOpaque_t;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.jspecify.annotations.Nullable;

/**
 * A product of one shape on one device by {@code cublasLtMatmul}, in float32 sums as LibTorch's, by
 * the algorithm that it is to {@link #use}.
 */
final class LtProduct implements AutoCloseable {
  /** What cuBLAS may use of device memory for a product; LibTorch gives it as much on Hopper. */
  private static final long MOST_WORKSPACE = 32 << 20;

  private final CublasLt lt;
  private final ProductShape shape;
  private final cublasLtMatmulDescOpaque_t description;
  private final cublasLtMatrixLayoutOpaque_t a;
  private final cublasLtMatrixLayoutOpaque_t b;
  private final cublasLtMatrixLayoutOpaque_t c;
  private final cublasLtMatmulAlgo_t algorithm = new cublasLtMatmulAlgo_t();
  private final FloatPointer alpha = new FloatPointer(1f);
  private final FloatPointer beta = new FloatPointer(1);
  private long workspaceBytes;

  /**
   * Describes the product to cublasLt.
   *
   * @throws CublasException if it refuses
   */
  LtProduct(CublasLt lt, ProductShape shape) {
    this.lt = lt;
    this.shape = shape;
    for (Pointer each : new Pointer[] {algorithm, alpha, beta}) {
      each.retainReference(); // they stay, whatever scope is open
    }
    beta.put(shape.adds() ? 1f : 0f);
    description =
        made(
            "cublasLtMatmulDescCreate",
            cublasLtMatmulDescOpaque_t.class,
            to ->
                cublas.cublasLtMatmulDescCreate(to, cublas.CUBLAS_COMPUTE_32F, cudart.CUDA_R_32F));
    transpose(cublas.CUBLASLT_MATMUL_DESC_TRANSA, shape.transposedA());
    transpose(cublas.CUBLASLT_MATMUL_DESC_TRANSB, shape.transposedB());
    a = layout(shape.m(), shape.k(), shape.transposedA(), shape.lda());
    b = layout(shape.k(), shape.n(), shape.transposedB(), shape.ldb());
    c = layout(shape.m(), shape.n(), false, shape.ldc());
  }

  private <P extends Pointer> P made(
      String call, Class<P> type, Function<PointerPointer<?>, Integer> create) {
    try (PointerPointer<P> to = new PointerPointer<>(1)) {
      check(create.apply(to), call);
      return to.get(type, 0);
    }
  }

  private void transpose(int attribute, boolean transposed) {
    try (IntPointer value = new IntPointer(1)) {
      value.put(transposed ? cublas.CUBLAS_OP_T : cublas.CUBLAS_OP_N);
      check(
          cublas.cublasLtMatmulDescSetAttribute(description, attribute, value, Integer.BYTES),
          "cublasLtMatmulDescSetAttribute");
    }
  }

  private cublasLtMatrixLayoutOpaque_t layout(
      long rows, long columns, boolean transposed, long ld) {
    return made(
        "cublasLtMatrixLayoutCreate",
        cublasLtMatrixLayoutOpaque_t.class,
        to ->
            cublas.cublasLtMatrixLayoutCreate(
                to,
                cudart.CUDA_R_16BF,
                transposed ? columns : rows,
                transposed ? rows : columns,
                ld));
  }

  /** Lists what cublasLt takes to be the fastest algorithms, the fastest first. */
  List<Algorithm> candidates(int most) {
    try (PointerScope scope = new PointerScope()) {
      cublasLtMatmulPreferenceOpaque_t preference =
          made(
              "cublasLtMatmulPreferenceCreate",
              cublasLtMatmulPreferenceOpaque_t.class,
              cublas::cublasLtMatmulPreferenceCreate);
      try {
        prefer(
            preference,
            cublas.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            new LongPointer(1).put(MOST_WORKSPACE),
            Long.BYTES);
        for (int attribute :
            new int[] {
              cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
              cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
              cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
              cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES
            }) {
          prefer(preference, attribute, new IntPointer(1).put(shape.alignment()), Integer.BYTES);
        }
        return found(preference, most);
      } finally {
        cublas.cublasLtMatmulPreferenceDestroy(preference);
      }
    }
  }

  private void prefer(
      cublasLtMatmulPreferenceOpaque_t preference, int attribute, Pointer value, long bytes) {
    check(
        cublas.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes),
        "cublasLtMatmulPreferenceSetAttribute");
  }

  private List<Algorithm> found(cublasLtMatmulPreferenceOpaque_t preference, int most) {
    cublasLtMatmulHeuristicResult_t results = new cublasLtMatmulHeuristicResult_t(most);
    int[] count = new int[1];
    int status =
        lt.gpu()
            .run(
                () ->
                    cublas.cublasLtMatmulAlgoGetHeuristic(
                        lt.handle(), description, a, b, c, c, preference, most, results, count));
    if (status == cublas.CUBLAS_STATUS_NOT_SUPPORTED) {
      return List.of();
    }
    check(status, "cublasLtMatmulAlgoGetHeuristic");
    List<Algorithm> found = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      cublasLtMatmulHeuristicResult_t result = results.getPointer(i);
      if (result.state() == cublas.CUBLAS_STATUS_SUCCESS) {
        cublasLtMatmulAlgo_t each = result.algo();
        found.add(
            new Algorithm(
                IntStream.range(0, Algorithm.WORDS).mapToObj(each::data).toList(),
                result.workspaceSize()));
      }
    }
    return found;
  }

  /** Multiplies by an algorithm from now on. */
  void use(Algorithm wanted) {
    for (int i = 0; i < Algorithm.WORDS; i++) {
      algorithm.data(i, wanted.words().get(i));
    }
    workspaceBytes = wanted.workspaceBytes();
  }

  /**
   * Multiplies on the current stream of the device, and does not wait. What it needs of memory
   * besides is LibTorch's, of that stream, so that it can be captured.
   *
   * @throws CublasException if cublasLt refuses; then nothing is computed
   */
  void run(Tensor left, Tensor right, Tensor to) {
    check(status(left, right, to), "cublasLtMatmul");
  }

  /** Does the same, but returns whether cublasLt has not refused. */
  boolean computes(Tensor left, Tensor right, Tensor to) {
    return status(left, right, to) == cublas.CUBLAS_STATUS_SUCCESS;
  }

  private int status(Tensor left, Tensor right, Tensor to) {
    if (workspaceBytes == 0) {
      return call(left, right, to, null);
    }
    try (Tensor workspace = Tensors.empty(to, ScalarType.Byte, workspaceBytes);
        Pointer room = workspace.data_ptr()) {
      return call(left, right, to, room);
    }
  }

  private int call(Tensor left, Tensor right, Tensor to, @Nullable Pointer workspace) {
    return lt.gpu()
        .run(
            () -> {
              try (Pointer first = right.data_ptr();
                  Pointer second = left.data_ptr();
                  Pointer result = to.data_ptr();
                  CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) lt.gpu().index())) {
                return cublas.cublasLtMatmul(
                    lt.handle(),
                    description,
                    alpha,
                    first,
                    a,
                    second,
                    b,
                    beta,
                    result,
                    c,
                    result,
                    c,
                    algorithm,
                    workspace,
                    workspaceBytes,
                    stream.stream());
              }
            });
  }

  private void check(int status, String call) {
    CublasException.check(status, call, shape);
  }

  @Override
  public void close() {
    cublas.cublasLtMatrixLayoutDestroy(a);
    cublas.cublasLtMatrixLayoutDestroy(b);
    cublas.cublasLtMatrixLayoutDestroy(c);
    cublas.cublasLtMatmulDescDestroy(description);
    algorithm.close();
    alpha.close();
    beta.close();
  }
}
