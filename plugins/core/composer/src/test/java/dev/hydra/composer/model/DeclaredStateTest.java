package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Devices;
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
class DeclaredStateTest {
  private static final StateSpec KEYS =
      StateSpec.of("k", StateSpec.GROWING, 3).growing(new StateSpec.Growth(0, 1, 4));
  private static final StateSpec LATE =
      StateSpec.of("late", StateSpec.GROWING).growing(new StateSpec.Growth(5, 1, 4));
  private static final StateSpec SUM = StateSpec.of("sum", 3).in(StateSpec.Dtype.FLOAT32);
  private static final StateSpec COUNT = StateSpec.of("n").in(StateSpec.Dtype.INT64).optional();
  private static final List<StateSpec> DECLARED = List.of(KEYS, LATE, SUM, COUNT);

  private static Tensor bfloat16(long... sizes) {
    return torch.zeros(sizes).to(ScalarType.BFloat16);
  }

  private static Optional<String> difference(
      List<StateSpec> declared, Map<String, Tensor> kept, long tokens) {
    return DeclaredState.difference(
        declared, kept, tokens, new Placement(Devices.cpu(), ScalarType.BFloat16));
  }

  /** Of two rows; nothing is due of what has no entry yet, or need not be there. */
  @Test
  void whatIsKeptAsDeclaredFits() {
    assertThat(difference(DECLARED, Map.of("k", bfloat16(2, 4, 3), "sum", torch.zeros(2, 3)), 5))
        .isEmpty();
    Map<String, Tensor> all =
        Map.of(
            "k",
            bfloat16(2, 4, 3),
            "late",
            bfloat16(2, 2),
            "sum",
            torch.zeros(2, 3),
            "n",
            torch.zeros(2).to(ScalarType.Long));
    assertThat(difference(DECLARED, all, 7)).isEmpty();
  }

  @Test
  void typesSizesAndNamesAreCompared() {
    String state = "the state sum of a text of 2 tokens is declared as Float[3], but ";
    List<StateSpec> sum = List.of(SUM);
    assertThat(difference(sum, Map.of("sum", bfloat16(1, 3)), 2))
        .contains(state + "kept as BFloat16[3]");
    assertThat(difference(sum, Map.of("sum", torch.zeros(1, 4)), 2))
        .contains(state + "kept as Float[4]");
    assertThat(difference(sum, Map.of("sum", torch.zeros(0)), 2))
        .contains(state + "kept as Float[]");
    assertThat(difference(sum, Map.of(), 2)).contains(state + "not kept");
    assertThat(difference(List.of(), Map.of("sum", torch.zeros(1, 3)), 2))
        .contains("the state sum is kept, but not declared");
    assertThat(difference(List.of(KEYS), Map.of("k", bfloat16(1, 2, 3)), 3))
        .contains(
            "the state k of a text of 3 tokens is declared as BFloat16[3, 3], but kept as"
                + " BFloat16[2, 3]");
  }

  /** Float64 is for checks: what is float32 otherwise is float64 then. */
  @Test
  void typesFollowThePlacement() {
    Placement exact = new Placement(Devices.cpu(), ScalarType.Double);
    Placement rough = new Placement(Devices.cpu(), ScalarType.BFloat16);
    assertThat(exact.of(StateSpec.Dtype.COMPUTE)).isEqualTo(ScalarType.Double);
    assertThat(exact.of(StateSpec.Dtype.FLOAT32)).isEqualTo(ScalarType.Double);
    assertThat(exact.of(StateSpec.Dtype.FLOAT32_ON_CPU)).isEqualTo(ScalarType.Double);
    assertThat(rough.of(StateSpec.Dtype.COMPUTE)).isEqualTo(ScalarType.BFloat16);
    assertThat(rough.of(StateSpec.Dtype.FLOAT32)).isEqualTo(ScalarType.Float);
    assertThat(rough.of(StateSpec.Dtype.FLOAT32_ON_CPU)).isEqualTo(ScalarType.Float);
    assertThat(rough.of(StateSpec.Dtype.FLOAT64)).isEqualTo(ScalarType.Double);
    assertThat(rough.of(StateSpec.Dtype.INT64)).isEqualTo(ScalarType.Long);
  }

  private static Optional<String> difference(Model model, String path, ModelState state) {
    ComponentSlot slot =
        model.slots().stream()
            .filter(each -> each.path().toString().equals(path))
            .findFirst()
            .orElseThrow();
    return DeclaredState.difference(slot, state, model.placement());
  }

  @Test
  void aSiteIsComparedWithThoseBelowIt() {
    try (Model model = Models.hybrid();
        ModelState state = ModelState.of(3, Map.of("blocks.0.mixer/sum", torch.zeros(1, 4)));
        ModelState below =
            ModelState.of(3, Map.of("blocks.0.mixer.router/decision", torch.zeros(1, 4)))) {
      assertThat(difference(model, "blocks.0.mixer", state)).isEmpty();
      assertThat(difference(model, "blocks.1.mixer", state))
          .contains(
              "at blocks.1.mixer the state sum of a text of 3 tokens is declared as Float[4], but"
                  + " not kept");
      assertThat(difference(model, "blocks.0.mixer", below))
          .contains("something is kept for blocks.0.mixer.router, where no component is now");
      assertThat(difference(model, "blocks.1.ffn", state))
          .contains("the component at blocks.1.ffn does not declare what it keeps");
    }
  }

  /** What begins anew at a site, and so for those below it, has nothing there. */
  @Test
  void nothingIsAskedOfTokensThatASiteHasNotSeen() {
    try (Model model = Models.hybrid();
        ModelState state = new ModelState()) {
      assertThat(difference(model, "blocks.1.ffn", state)).isEmpty();
      state.advance(3);
      state.forget(new SitePath("blocks.1.ffn"));
      assertThat(difference(model, "blocks.1.ffn", state)).isEmpty();
      state.advance(1);
      assertThat(difference(model, "blocks.1.ffn", state)).isPresent();
    }
  }
}
