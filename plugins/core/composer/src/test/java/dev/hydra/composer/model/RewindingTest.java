package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
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
class RewindingTest {
  private static final SitePath SITE = new SitePath("blocks.0.mixer");

  /** Keeps what it is told to. */
  @HydraPlugin("telling")
  public static final class Telling extends BatchStateTest.Keeping {
    private final Optional<List<StateSpec>> state;

    Telling(Optional<List<StateSpec>> state) {
      this.state = state;
    }

    @Override
    public Optional<List<StateSpec>> state(Site site) {
      return state;
    }
  }

  private static final StateSpec SEEN = StateSpec.of("seen", StateSpec.GROWING);

  private static Model model(StateSpec... declared) {
    return model(new Telling(Optional.of(List.of(declared))));
  }

  private static Model model(Telling mixer) {
    return Model.build(
        ModelSpec.read(
            Texts.config(
                "model { vocab-size = 11, width = 4, depth = 1, block.paths = [{mixer=telling}] }")),
        Models.components(mixer),
        new Placement(Devices.cpu(), ScalarType.Float),
        Models.SEED);
  }

  private static ModelState state(long position, String name, float... kept) {
    return ModelState.of(position, Map.of(SITE + "/" + name, Tensor.create(kept).unsqueeze(0)));
  }

  @Test
  void whatGrowsIsCutAndTheOtherGoesOn() {
    try (Model model = model(SEEN);
        ModelState state = state(4, "seen", 1, 2, 3, 4);
        ModelState back = model.rewinding().fork(state, 2)) {
      assertEquals(2, back.position());
      assertArrayEquals(
          new double[] {1, 2}, Tensors.numbers(back.site(SITE).get("seen").orElseThrow()));
      assertArrayEquals(
          new double[] {1, 2, 3, 4}, Tensors.numbers(state.site(SITE).get("seen").orElseThrow()));
      assertThrows(IllegalArgumentException.class, () -> model.rewinding().fork(state, 5));
      assertThrows(IllegalArgumentException.class, () -> model.rewinding().fork(state, 0));
    }
  }

  /** From the third token on an entry for every second one, four at most. */
  @Test
  void entriesAreThoseOfTheTokensLeft() {
    try (Model model = model(SEEN.growing(new StateSpec.Growth(2, 2, 4)));
        ModelState full = state(10, "seen", 1, 2, 3, 4);
        ModelState overwritten = state(11, "seen", 5, 2, 3, 4)) {
      for (int tokens = 1; tokens <= 10; tokens++) {
        try (ModelState back = model.rewinding().fork(full, tokens)) {
          assertEquals((tokens - 1) / 2, back.site(SITE).get("seen").orElseThrow().size(1));
        }
      }
      assertThat(model.rewinding().isPossible(overwritten)).isFalse();
      assertThrows(IllegalArgumentException.class, () -> model.rewinding().fork(overwritten, 3));
    }
  }

  @Test
  void whatHoldsNoEarlierOneCannotBeTakenBack() {
    StateSpec fixed = StateSpec.of("kept", 4);
    try (Model both = model(SEEN, fixed.optional());
        Model silent = model(new Telling(Optional.empty()));
        ModelState kept = state(3, "kept", 1, 2, 3, 4);
        ModelState seen = state(3, "seen", 1, 2, 3);
        ModelState nothing = ModelState.of(3, Map.of())) {
      assertThat(both.rewinding().isPossible(kept)).isFalse();
      assertThat(both.rewinding().isPossible(seen)).as("of this text nothing else").isTrue();
      assertThat(silent.rewinding().isPossible(seen)).as("what is not declared").isFalse();
      assertThat(silent.rewinding().isPossible(nothing)).isTrue();
      seen.forget(SITE);
      seen.advance(1);
      assertThat(both.rewinding().isPossible(seen)).as("it begins in the middle").isFalse();
    }
  }
}
