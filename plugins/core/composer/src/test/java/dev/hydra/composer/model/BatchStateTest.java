package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class BatchStateTest {
  private static final SitePath SITE = new SitePath("blocks.0.mixer");

  /** Keeps a number for each channel. */
  @HydraPlugin("keeping")
  public static class Keeping implements ComponentFactory<Mixer> {
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

  /** Keeps a number for each token. */
  @HydraPlugin("growing")
  public static final class Growing extends Keeping {
    @Override
    public Optional<List<StateSpec>> state(Site site) {
      return Optional.of(List.of(StateSpec.of("seen", StateSpec.GROWING)));
    }
  }

  private static Model model() {
    return model("keeping", new Keeping());
  }

  private static Model model(String mixer, ComponentFactory<?> component) {
    return Model.build(
        ModelSpec.read(
            Texts.config(
                "model { vocab-size = 11, width = 4, depth = 1, block.paths = [{mixer="
                    + mixer
                    + "}] }")),
        Models.components(component),
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

  private static ModelState seen(int tokens) {
    return ModelState.of(tokens, Map.of(SITE + "/seen", torch.ones(1, tokens)));
  }

  /** Steps are replayed, which the batch is told of: the longest row says when that is over. */
  @Test
  void thereIsRoomUntilTheLongestRowFillsItsBuffer() {
    try (Model model = model("growing", new Growing());
        BatchState batch = model.batch()) {
      batch.add(seen(100));
      for (int i = 0; i < 50; i++) {
        assertTrue(batch.hasRoom());
        batch.replayed();
      }
      batch.add(seen(250));
      for (int i = 250; i < 256; i++) {
        assertTrue(batch.hasRoom(), i + " tokens");
        batch.replayed();
      }
      assertFalse(batch.hasRoom());
      long epoch = batch.epoch();
      batch.reserve();
      assertNotEquals(epoch, batch.epoch());
      assertTrue(batch.hasRoom());
      epoch = batch.epoch();
      for (int i = 256; i < 512; i++) {
        batch.reserve();
        batch.replayed();
      }
      assertEquals(epoch, batch.epoch());
      batch.drop(1);
      assertTrue(batch.hasRoom(), "the other one is not as long");
    }
  }
}
