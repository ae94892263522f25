package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.spec.GateSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What {@link Models#HYBRID} is composed of agrees with its account. */
@ExtendWith(InScope.class)
class ModelCompositionTest {
  @Test
  void tellsBlocksPathsAndComponents() {
    try (Device meta = Devices.meta();
        Model model = Models.build(Models.HYBRID, meta, ScalarType.Float, 1)) {
      ModelComposition composition = ModelComposition.of(model, 8);
      ModelSummary summary = ModelSummary.of(model, ScalarType.Float, List.of(8L));
      assertEquals(summary.parameters(), composition.parameters());
      assertEquals(
          summary.lengths().get(0).forwardFlopsPerToken(), composition.forwardFlopsPerToken());
      assertEquals(
          summary.parts().stream().map(ModelSummary.ComponentCount::count).toList(),
          composition.blocks().stream()
              .flatMap(block -> block.paths().stream())
              .map(ModelComposition.Path::count)
              .toList());
      ModelComposition.Path ffn = composition.blocks().get(1).paths().get(1);
      assertEquals(
          List.of("scales at blocks.1.ffn", "best at blocks.1.ffn.router"),
          ffn.components().stream().map(each -> each.type() + " at " + each.site()).toList());
      assertEquals(new GateSpec.Learned(0), ffn.gate());
      double paths =
          composition.blocks().stream()
              .flatMap(block -> block.paths().stream())
              .mapToDouble(ModelComposition.Path::forwardFlopsPerToken)
              .sum();
      assertEquals(composition.forwardFlopsPerToken(), paths + 2 * 4 * 11, 1e-9, "and the head");
      assertEquals(new SitePath("blocks.0.mixer"), site(composition));
    }
  }

  private static SitePath site(ModelComposition composition) {
    return composition.blocks().get(0).paths().get(0).components().get(0).site();
  }
}
