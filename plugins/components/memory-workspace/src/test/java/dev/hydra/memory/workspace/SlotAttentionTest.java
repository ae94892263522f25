package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class SlotAttentionTest {
  @Test
  void plainEqualsFused() {
    Scopes.run(
        () -> {
          Tensor queries = random(4, 2, 7, 5);
          Tensor keys = random(4, 2, 3, 5);
          Tensor values = random(4, 2, 3, 5);
          assertTrue(
              SlotAttention.plain(queries, keys, values)
                  .allclose(SlotAttention.fused(queries, keys, values)));
        });
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes, new TensorOptions(ScalarType.Double));
  }
}
