package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a model computes, against plain loops in float64. */
@ExtendWith(InScope.class)
class ModelTest {
  private static final double EPSILON = 1e-5;
  private static final long[] TOKENS = {3, 0, 10, 3, 7};

  private static void assertHidden(double[][] expected, Model model) {
    Tensor hidden = Models.hidden(model, Models.tokens(TOKENS));
    assertArrayEquals(
        new long[] {1, TOKENS.length, model.spec().width()}, Tensors.sizes(hidden), "shape");
    assertNear(expected, hidden);
  }

  private static void assertNear(double[][] expected, Tensor actual) {
    assertArrayEquals(
        Arrays.stream(expected).flatMapToDouble(Arrays::stream).toArray(),
        Tensors.numbers(actual),
        1e-12);
  }

  @Test
  void parallelPathsShareANormAndAddUp() {
    try (Model model =
        Models.random(
            """
            model {
              vocab-size = 11, width = 4, depth = 1
              block {
                topology = parallel
                paths = [
                  { mixer = running-sum, gate = 0.9 }
                  { mixer = running-sum, gate = none }
                  { mixer = running-sum, gate = learned }
                  { ffn = scales }
                ]
              }
            }
            """)) {
      Reference plain = new Reference(model);
      double[][] x = plain.embedding(TOKENS);
      double[][] normed = plain.rmsNorm(x, "blocks.0.norm", EPSILON);
      double[][] y = x;
      y =
          plain.plus(
              y,
              plain.parameter("blocks.0.mixer-gate")[0],
              plain.runningSum(normed, "blocks.0.mixer"));
      y = plain.plus(y, 1, plain.runningSum(normed, "blocks.0.mixer2"));
      y =
          plain.plus(
              y,
              1,
              plain.learned(
                  plain.runningSum(normed, "blocks.0.mixer3"), normed, "blocks.0.mixer3-gate"));
      y =
          plain.plus(
              y, plain.parameter("blocks.0.ffn-gate")[0], plain.scales(normed, "blocks.0.ffn"));
      assertHidden(plain.rmsNorm(y, "norm", EPSILON), model);
    }
  }

  /** The mean of a learned gate, times its cost, is a loss of a training step, and of no other. */
  @Test
  void aLearnedGateCosts() {
    String file =
        """
        model {
          vocab-size = 11, width = 4, depth = 1
          block.paths = [ { mixer = running-sum, gate = learned, gate-cost = %s } ]
        }
        """;
    try (Model model = Models.random(file.formatted(3));
        Model free = Models.random(file.formatted(0));
        ForwardContext evaluation = ForwardContext.evaluation().observing();
        ForwardContext training = ForwardContext.training();
        ForwardContext other = ForwardContext.training()) {
      Tensor unused = model.hidden(Models.tokens(TOKENS), evaluation);
      assertEquals(Set.of(), evaluation.losses().keySet());
      unused = free.hidden(Models.tokens(TOKENS), other);
      assertEquals(Set.of(), other.losses().keySet());
      unused = model.hidden(Models.tokens(TOKENS), training);
      assertEquals(Set.of("blocks.0.mixer.gate-cost"), training.losses().keySet());
      Tensor loss = training.losses().get("blocks.0.mixer.gate-cost");
      double open = Tensors.number(evaluation.observations().get("blocks.0.mixer.gate").mean());
      assertEquals(3 * open, Tensors.number(loss), 1e-12);
      loss.backward();
      assertTrue(
          model.parameters().all().stream()
              .filter(each -> each.name().startsWith("blocks.0.mixer-gate."))
              .allMatch(each -> Tensors.number(each.master().grad().abs().sum()) > 0));
    }
  }

  /** Fixed factors, as models with maximal update parametrisation have them. */
  @Test
  void scalesEmbeddingsInputsOutputsAndLogits() {
    try (Model model =
            Models.random(
                """
                model {
                  vocab-size = 11, width = 4, depth = 1, embedding-scale = 3, logits-scale = 0.25
                  block.paths = [ { mixer = running-sum, input-scale = 0.5, scale = 7 } ]
                }
                """);
        ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      Reference plain = new Reference(model);
      double[][] x = plain.times(plain.embedding(TOKENS), 3);
      double[][] normed = plain.rmsNorm(x, "blocks.0.mixer-norm", EPSILON);
      double[][] mixed = plain.runningSum(plain.times(normed, 0.5), "blocks.0.mixer");
      double[][] hidden = plain.rmsNorm(plain.plus(x, 7, mixed), "norm", EPSILON);
      assertHidden(hidden, model);
      Tensor last = model.hidden(Models.tokens(TOKENS), forward);
      assertNear(plain.times(plain.linear(hidden, "embedding.weight"), 0.25), model.logits(last));
    }
  }

  @Test
  void sequentialPathsHaveTheirOwnNormsAndSeeWhatCameBefore() {
    try (Model model =
        Models.random(
            """
            model {
              vocab-size = 11, width = 4, depth = 2, norm-epsilon = 1e-3
              block.paths = [ { mixer = running-sum }, { ffn = scales, gate = 0.5 } ]
            }
            """)) {
      Reference plain = new Reference(model);
      double[][] x = plain.embedding(TOKENS);
      for (String block : new String[] {"blocks.0.", "blocks.1."}) {
        double[][] normed = plain.rmsNorm(x, block + "mixer-norm", 1e-3);
        x = plain.plus(x, 1, plain.runningSum(normed, block + "mixer"));
        normed = plain.rmsNorm(x, block + "ffn-norm", 1e-3);
        double gate = plain.parameter(block + "ffn-gate")[0];
        x = plain.plus(x, gate, plain.scales(normed, block + "ffn"));
      }
      assertHidden(plain.rmsNorm(x, "norm", 1e-3), model);
    }
  }

  @Test
  void layerNormSubtractsTheMeanAndAddsABias() {
    try (Model model =
        Models.random(
            """
            model {
              vocab-size = 11, width = 4, depth = 1, norm = layernorm
              block.paths = [ { mixer = running-sum } ]
            }
            """)) {
      Reference plain = new Reference(model);
      double[][] x = plain.embedding(TOKENS);
      double[][] normed = plain.layerNorm(x, "blocks.0.mixer-norm", EPSILON);
      x = plain.plus(x, 1, plain.runningSum(normed, "blocks.0.mixer"));
      assertHidden(plain.layerNorm(x, "norm", EPSILON), model);
    }
  }

  @Test
  void blocksWithoutPathsPassOn() {
    for (String topology : new String[] {"parallel", "sequential"}) {
      try (Model model =
          Models.random(
              "model { vocab-size = 11, width = 4, depth = 3, block { topology = "
                  + topology
                  + ", paths = [ { mixer = running-sum, gate = none, at = 1 } ] } }")) {
        Reference plain = new Reference(model);
        double[][] x = plain.embedding(TOKENS);
        String norm = topology.equals("parallel") ? "blocks.1.norm" : "blocks.1.mixer-norm";
        double[][] normed = plain.rmsNorm(x, norm, EPSILON);
        x = plain.plus(x, 1, plain.runningSum(normed, "blocks.1.mixer"));
        assertHidden(plain.rmsNorm(x, "norm", EPSILON), model);
      }
    }
  }

  @Test
  void headUsesTheEmbeddingOrItsOwnWeights() {
    double[][] states = {{1, -2, 3, 0.5}, {0, 1, 0, -1}};
    Tensor hidden =
        Tensor.create(Arrays.stream(states).flatMapToDouble(Arrays::stream).toArray())
            .view(1, 2, 4);
    String rest = "vocab-size = 11, width = 4, depth = 1, block.paths = [ { ffn = scales } ] }";
    try (Model tied = Models.random("model { " + rest);
        Model untied = Models.random("model { tie-embeddings = false, " + rest)) {
      assertNear(new Reference(tied).linear(states, "embedding.weight"), tied.logits(hidden));
      assertNear(new Reference(untied).linear(states, "head.weight"), untied.logits(hidden));
    }
  }

  @Test
  void lossesAndObservationsAreNamedBySite() {
    try (Model model = Models.random(Models.HYBRID)) {
      try (ForwardContext forward = ForwardContext.training().observing()) {
        model.hidden(Models.tokens(TOKENS), forward);
        assertEquals(Set.of("blocks.1.ffn.router.balance"), forward.losses().keySet());
        assertEquals(
            Set.of(
                "blocks.0.mixer.gate",
                "blocks.1.mixer.gate",
                "blocks.1.ffn.gate",
                "blocks.1.ffn.router.shares"),
            forward.observations().keySet());
        assertTrue(forward.losses().get("blocks.1.ffn.router.balance").requires_grad());
        assertEquals(
            1.0 / 3,
            Tensors.number(forward.observations().get("blocks.1.ffn.router.shares")),
            1e-12);
      }
      try (ForwardContext forward = ForwardContext.evaluation()) {
        model.hidden(Models.tokens(TOKENS), forward);
        assertTrue(forward.losses().isEmpty() && forward.observations().isEmpty());
      }
    }
  }
}
