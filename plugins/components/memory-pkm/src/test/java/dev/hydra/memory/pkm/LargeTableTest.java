package dev.hydra.memory.pkm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** A table of a million rows: what a step holds of it is what its tokens read. */
class LargeTableTest {
  private static final int WIDTH = 16;
  private static final int TOKENS = 40;
  private static final int HEADS = 3;
  private static final int TOP_K = 5;

  @Test
  void theGradientHoldsTheRowsThatWereRead() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent memory =
            new StandaloneComponent(
                Components.of(new ProductKeyMemoryFactory()),
                Role.MEMORY,
                ConfigFactory.parseString(
                    "type = pkm, keys = 1024, key-dim = 8, value-dim = 4, heads = 3, top-k = 5"),
                WIDTH,
                WIDTH,
                new Placement(Devices.cpu(), ScalarType.Float),
                1);
        ForwardContext forward = ForwardContext.training()) {
      Tensor table =
          memory.parameters().all().stream()
              .filter(parameter -> parameter.name().endsWith("values.weight"))
              .map(Parameter::working)
              .findFirst()
              .orElseThrow();
      assertEquals(1024L * 1024, table.size(0));
      Tensor y = memory.forward(torch.randn(1, TOKENS, WIDTH), forward);
      Backward.run(y.square().sum());

      Tensor gradient = table.grad();
      assertTrue(gradient.is_sparse(), "a dense gradient of a million rows");
      long reads = (long) TOKENS * HEADS * TOP_K;
      assertTrue(gradient._nnz() <= reads, gradient._nnz() + " rows of " + reads + " reads");
      long[] rows = Tensors.integers(gradient.coalesce().indices().flatten());
      assertTrue(rows.length > TOP_K, "hardly anything was read");
      assertTrue(Arrays.stream(rows).allMatch(row -> row >= 0 && row < 1024L * 1024));
      assertTrue(
          Arrays.stream(rows).max().orElseThrow() > 1024,
          "rows of the first sub-key only were read");
    }
  }
}
