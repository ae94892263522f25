package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.TrainingMemory.Step;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class FittingStepTest {
  private static final long TOKENS = 4096;

  /** Bytes. */
  private static final double MOMENTS = 1000;

  private static final Step ASKED = new Step(8, TOKENS, Recompute.NONE, false, MOMENTS);

  private static List<FittingStep> below(Step asked, int forwards, double memory) {
    try (Model model = Models.build(Models.HYBRID, Devices.meta(), ScalarType.Float, 1)) {
      return FittingStep.below(model, ScalarType.Float, asked, forwards, memory);
    }
  }

  private static double peak(Step step) {
    try (Model model = Models.build(Models.HYBRID, Devices.meta(), ScalarType.Float, 1)) {
      return TrainingMemory.of(model, ScalarType.Float, step).peak();
    }
  }

  @Test
  void theLargestBatchOfEachRecomputationThatFits() {
    double memory = peak(new Step(4, TOKENS, Recompute.NONE, true, MOMENTS)) / 0.9 + 1;
    List<FittingStep> all = below(ASKED, 1, memory);
    FittingStep plain =
        all.stream()
            .filter(each -> each.step().recompute() == Recompute.NONE)
            .findFirst()
            .orElseThrow();
    assertEquals(new Step(4, TOKENS, Recompute.NONE, true, MOMENTS), plain.step());
    assertEquals(2, plain.forwards());
    for (FittingStep each : all) {
      assertTrue(each.peak() <= 0.9 * memory, each.toString());
      assertEquals(peak(each.step()), each.peak());
      assertEquals(8, each.step().rows() * each.forwards());
    }
  }

  @Test
  void moreRecomputationOnlyWhereTheBatchIsLargerSo() {
    List<FittingStep> all =
        below(ASKED, 1, peak(new Step(4, TOKENS, Recompute.FULL, true, MOMENTS)) / 0.9 + 1);
    assertTrue(all.size() > 1, all.toString());
    for (int i = 1; i < all.size(); i++) {
      Step larger = all.get(i - 1).step();
      Step smaller = all.get(i).step();
      assertTrue(larger.rows() > smaller.rows(), all.toString());
      assertTrue(larger.recompute().compareTo(smaller.recompute()) > 0, all.toString());
    }
  }

  @Test
  void whatIsPredictedToFitAndDidNotIsNotAdvised() {
    List<FittingStep> all = below(ASKED, 1, Double.MAX_VALUE);
    assertTrue(all.stream().noneMatch(each -> each.step().equals(ASKED)), all.toString());
    assertTrue(all.stream().allMatch(each -> each.peak() <= 0.9 * peak(ASKED)), all.toString());
  }

  @Test
  void whatIsRecomputedStaysSo() {
    Step full = new Step(3, TOKENS, Recompute.FULL, true, MOMENTS);
    List<FittingStep> all = below(full, 2, Double.MAX_VALUE);
    assertEquals(List.of(new Step(2, TOKENS, Recompute.FULL, true, MOMENTS)), steps(all));
    assertEquals(3, all.get(0).forwards());
  }

  private static List<Step> steps(List<FittingStep> all) {
    return all.stream().map(FittingStep::step).toList();
  }

  @Test
  void shorterSequencesWhereNoBatchFits() {
    Step half = new Step(1, TOKENS / 2, Recompute.FULL, false, MOMENTS);
    List<FittingStep> all =
        below(new Step(1, TOKENS, Recompute.FULL, false, MOMENTS), 1, peak(half) / 0.9 + 1);
    assertEquals(List.of(half), steps(all));
  }

  @Test
  void nothingWhereTheParametersAloneAreTooMany() {
    assertEquals(List.of(), below(ASKED, 1, 100));
  }
}
