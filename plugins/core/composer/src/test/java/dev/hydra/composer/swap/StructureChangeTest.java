package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Texts;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Structures that come and go in a model whose parameters go on. */
@ExtendWith(InScope.class)
class StructureChangeTest {
  private static final long[] TOKENS = {3, 0, 10, 3, 7};
  private static final Set<SitePath> NEW = Set.of(new SitePath("blocks.0.ffn"));

  private static String hocon(String topology, int depth, String... paths) {
    return String.format(
        "model { vocab-size = 11, width = 4, depth = %d, block { topology = %s, paths = [%s] } }",
        depth, topology, String.join(", ", paths));
  }

  private static double[] hidden(Model model) {
    return Tensors.numbers(Models.hidden(model, Models.tokens(TOKENS)));
  }

  private static SwapReport.Parameters change(Model model, String hocon) {
    try (Swapper swapper = new Swapper(model, SwapHost.none())) {
      StructureChange change =
          new StructureChange(model, ModelSpec.read(Texts.config(hocon)), name -> false);
      SwapReport.Parameters report = change.report();
      swapper.restructure(change, SwapHost.Participant.none());
      return report;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "parallel,0.9,Double", "parallel,none,Float", "parallel,learned,Float",
    "parallel,0.9,BFloat16", "parallel,none,BFloat16", "parallel,learned,BFloat16",
    "sequential,0.9,Float", "sequential,none,BFloat16", "sequential,learned,Double"
  })
  void aPathThatGrowsInCountsFromNothingToAll(String topology, String gate, ScalarType type) {
    String one = hocon(topology, 1, "{ mixer = running-sum, gate = 0.9 }");
    String two =
        hocon(
            topology,
            1,
            "{ mixer = running-sum, gate = 0.9 }",
            "{ ffn = scales, gate = " + gate + " }");
    try (Model model = Models.build(one, type);
        Model fresh = Models.build(two, type)) {
      double[] before = hidden(model);
      SwapReport.Parameters parameters = change(model, two);
      assertThat(parameters.initialised()).anyMatch(name -> name.startsWith("blocks.0.ffn."));
      assertThat(parameters.carried()).contains("embedding.weight", "blocks.0.mixer-gate");
      assertEquals(List.of(), parameters.dropped());
      assertEquals(
          List.copyOf(fresh.parameters().byName().keySet()),
          List.copyOf(model.parameters().byName().keySet()),
          "in the order of a fresh model");
      Map<String, double[]> values = Models.values(model);
      Models.values(fresh).forEach((name, all) -> assertArrayEquals(all, values.get(name), name));
      model.grow(NEW, 0);
      assertArrayEquals(before, hidden(model));
      model.grow(NEW, 0.5);
      double[] half = hidden(model);
      model.grow(NEW, 1);
      double[] all = hidden(model);
      model.grown();
      assertArrayEquals(all, hidden(model));
      assertArrayEquals(hidden(fresh), all);
      assertFalse(Arrays.equals(before, half));
      assertFalse(Arrays.equals(all, half));
      assertThat(change(model, one).dropped()).contains("blocks.0.ffn.scale");
      assertArrayEquals(before, hidden(model));
    }
  }

  @Test
  void aBlockThatGrowsInIsNothingAtFirst() {
    String mixer = "{ mixer = running-sum, gate = 0.9 }";
    try (Model model = Models.build(hocon("parallel", 1, mixer), ScalarType.Float)) {
      double[] before = hidden(model);
      change(model, hocon("parallel", 2, mixer));
      assertFalse(Arrays.equals(before, hidden(model)));
      model.grow(Set.of(new SitePath("blocks.1.mixer")), 0);
      assertArrayEquals(before, hidden(model));
    }
  }

  @Test
  void whatIsFrozenGetsNoGradientAlsoWhatIsMadeLater() {
    String one = hocon("parallel", 1, "{ ffn = scales }");
    try (Model model = Models.build(one, ScalarType.Double);
        Swapper swapper = new Swapper(model, SwapHost.none())) {
      swapper.restructure(
          new StructureChange(
              model,
              ModelSpec.read(Texts.config(hocon("parallel", 2, "{ ffn = scales }"))),
              name -> name.startsWith("blocks.")),
          SwapHost.Participant.none());
      Tensor hidden;
      try (var forward = ForwardContext.training()) {
        hidden = model.hidden(Models.tokens(TOKENS), forward);
        Backward.run(hidden.sum());
      }
      for (Parameter each : model.parameters().all()) {
        boolean frozen = each.name().startsWith("blocks.");
        assertEquals(!frozen && each.spec().trainable(), each.trained(), each.name());
        assertEquals(each.trained(), each.working().grad().defined(), each.name());
      }
      model.parameters().freeze(name -> false);
      assertTrue(model.parameters().all().stream().allMatch(each -> !each.frozen()));
    }
  }

  @Test
  void aParticipantThatFailsLeavesAllAsItWas() {
    String one = hocon("parallel", 1, "{ mixer = running-sum }");
    try (Model model = Models.build(one, ScalarType.Float);
        Swapper swapper = new Swapper(model, SwapHost.none())) {
      double[] before = hidden(model);
      StructureChange change =
          new StructureChange(
              model,
              ModelSpec.read(
                  Texts.config(hocon("parallel", 1, "{ mixer = running-sum }, { ffn = scales }"))),
              name -> true);
      IllegalStateException thrown =
          assertThrows(
              IllegalStateException.class,
              () ->
                  swapper.restructure(
                      change,
                      new SwapHost.Participant() {
                        @Override
                        public void switched() {
                          throw new IllegalStateException("no memory");
                        }
                      }));
      assertEquals("no memory", thrown.getMessage());
      assertArrayEquals(before, hidden(model));
      assertTrue(model.parameters().all().stream().noneMatch(Parameter::frozen));
      assertEquals(1, model.spec().blocks().get(0).paths().size());
    }
  }
}
