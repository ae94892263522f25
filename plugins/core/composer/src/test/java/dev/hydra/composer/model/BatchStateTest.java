package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class BatchStateTest {
  private static final SitePath SITE = new SitePath("blocks.0.mixer");

  /** Keeps a number for each channel. */
  @HydraPlugin("keeping")
  public static final class Keeping implements ComponentFactory<Mixer> {
    @Override
    public Role role() {
      return Role.MIXER;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Mixer create(Site site) {
      return (Tensor x, Pass pass) -> x;
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }

    @Override
    public Optional<List<StateSpec>> state(Site site) {
      return Optional.of(List.of(StateSpec.of("kept", site.width())));
    }
  }

  private static Model model() {
    return Model.build(
        ModelSpec.read(
            Texts.config(
                "model { vocab-size = 11, width = 4, depth = 1, block.paths = [{mixer=keeping}] }")),
        Models.components(new Keeping()),
        new Placement(Devices.cpu(), ScalarType.Float),
        Models.SEED);
  }

  private static ModelState state(float... kept) {
    return ModelState.of(3, Map.of(SITE + "/kept", Tensor.create(kept).unsqueeze(0)));
  }

  private static void assertKept(ModelState state, double... kept) {
    assertArrayEquals(kept, Tensors.numbers(state.site(SITE).get("kept").orElseThrow()));
  }

  /** Such as one for which there is no memory; here it is a state of another size. */
  @Test
  void aRowThatCannotBeAddedLeavesTheOthersAsTheyWere() {
    try (Model model = model();
        BatchState batch = model.batch();
        ModelState odd = state(1, 2, 3, 4, 5)) {
      batch.add(state(1, 2, 3, 4));
      assertThrows(RuntimeException.class, () -> batch.add(odd));
      assertEquals(1, batch.rows().size());
      assertEquals(1, batch.positions().size(0));
      batch.add(state(5, 6, 7, 8));
      try (ModelState first = batch.remove(0);
          ModelState second = batch.remove(0)) {
        assertKept(first, 1, 2, 3, 4);
        assertKept(second, 5, 6, 7, 8);
      }
    }
  }
}
