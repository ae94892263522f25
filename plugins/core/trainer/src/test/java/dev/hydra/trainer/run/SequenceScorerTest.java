package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.inference.SequenceScorer;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.step.LanguageLoss;
import dev.hydra.trainer.step.TokenWindows;
import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class SequenceScorerTest {
  private static Model model() {
    return Model.build(
        Trials.experiment("").model(),
        Trials.COMPONENTS,
        new Placement(Devices.cpu(), ScalarType.Double),
        3);
  }

  /** Longer than the part of a sequence whose logits are held at a time. */
  @Test
  void agreesWithTheTrainingLoss() {
    int[] tokens = new int[1500];
    Arrays.setAll(tokens, i -> (i * 37 + i * i / 5) % 256);
    try (Model model = model();
        PointerScope scope = new PointerScope();
        ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      double[] scores = new SequenceScorer(model).logProbabilities(tokens);
      assertEquals(tokens.length - 1, scores.length);
      double loss =
          Tensors.number(
              LanguageLoss.of(model, TokenWindows.of(SequenceScorer.ids(model, tokens)), forward));
      assertEquals(loss, -Arrays.stream(scores).average().orElseThrow(), 1e-9);
      assertArrayEquals(
          Arrays.copyOf(scores, 40),
          new SequenceScorer(model).logProbabilities(Arrays.copyOf(tokens, 41)),
          1e-9);
    }
  }

  @Test
  void refusesWhatIsNoSequence() {
    try (Model model = model()) {
      SequenceScorer scorer = new SequenceScorer(model);
      assertEquals(0, scorer.logProbabilities(new int[] {7}).length);
      assertEquals(
          "token 256 is not in the vocabulary, 0 to 255",
          assertThrows(
                  IllegalArgumentException.class, () -> scorer.logProbabilities(new int[] {7, 256}))
              .getMessage());
      assertThrows(
          IllegalArgumentException.class, () -> scorer.logProbabilities(new int[] {-1, 7}));
      assertThrows(IllegalArgumentException.class, () -> scorer.logProbabilities(new int[0]));
    }
  }
}
