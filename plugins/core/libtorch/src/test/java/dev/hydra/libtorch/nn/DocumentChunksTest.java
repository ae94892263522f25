package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class DocumentChunksTest {
  /** Rows of documents of 3, 1 and 4 tokens, and of 8. */
  private static final long[] DOCUMENTS = {5, 5, 5, 6, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1};

  @Test
  void everyDocumentBeginsAChunk() {
    Scopes.run(
        () -> {
          DocumentChunks chunks = DocumentChunks.of(Tensor.create(DOCUMENTS, 2, 8), 2);
          Tensor x = Tensors.range(1, 17, chunks.places()).to(ScalarType.Float).view(2, 8, 1);
          assertArrayEquals(
              new double[] {
                1, 2, 3, 0, 4, 0, 5, 6, 7, 8, //
                9, 10, 11, 12, 13, 14, 15, 16, 0, 0
              },
              Tensors.numbers(chunks.align(x)));
          assertArrayEquals(
              new long[] {
                1, 0, 1, 1, 0, //
                1, 0, 0, 0, 0
              },
              Tensors.integers(chunks.first()));
        });
  }

  @Test
  void restoreUndoesAlignAndItsGradient() {
    Scopes.run(
        () -> {
          Tensor x =
              torch
                  .randn(new long[] {2, 8, 3}, new TensorOptions(ScalarType.Double))
                  .set_requires_grad(true);
          DocumentChunks chunks = DocumentChunks.of(Tensor.create(DOCUMENTS, 2, 8), 3);
          Tensor restored = chunks.restore(chunks.align(x));
          assertTrue(restored.equal(x));
          restored.mul(restored).sum().backward();
          assertTrue(x.grad().allclose(Tensors.mul(x, 2)));
        });
  }

  @Test
  void takesASingleToken() {
    Scopes.run(
        () -> {
          DocumentChunks chunks = DocumentChunks.of(Tensor.create(new long[] {4}, 1, 1), 2);
          assertArrayEquals(new long[] {0}, Tensors.integers(chunks.places()));
          assertArrayEquals(new long[] {1}, Tensors.integers(chunks.first()));
        });
  }
}
