package dev.hydra.trainer.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterStore;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.model.TrainingMemory;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.Trials;
import dev.hydra.trainer.step.Gradients.HandedOver;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a step does to parameters that are not simply moved against a dense gradient. */
@ExtendWith(InScope.class)
class TrainingStepTest {
  private static final String BIAS = "blocks.1.ffn.router.bias";
  private static final String TABLE = "blocks.1.memory2.values.weight";

  @Test
  void adjustmentsAreAveragedOverItsForwards() {
    Experiment experiment = Trials.experiment("");
    List<Tensor> windows = List.of(windows(1, 60), windows(2, 60), windows(3, 60));
    try (Model model = model(experiment, ScalarType.Float);
        TrainingStep step = new TrainingStep(model, experiment.optimizer())) {
      double[] expected = new double[4];
      for (Tensor each : windows) {
        double[] delta = delta(model, each);
        assertTrue(Arrays.stream(delta).anyMatch(d -> d != 0));
        Arrays.setAll(expected, e -> expected[e] + delta[e] / 3);
      }
      step.run(windows::get, 3, 1e-3);
      assertArrayEquals(expected, Tensors.numbers(parameter(model, BIAS).master()), 1e-8);
    }
  }

  @Test
  void labelsMayStandBesideTheTokens() {
    Experiment experiment = Trials.experiment("");
    Tensor tokens = windows(1, 60);
    Tensor labels = tokens.clone();
    Tensors.slice(labels, 1, 0, 40).fill_(new Scalar(-100L));
    Tensor packed = Tensors.stack(0, tokens, labels);
    try (Model model = model(experiment, ScalarType.Float);
        TrainingStep step = new TrainingStep(model, experiment.optimizer());
        ForwardContext forward = ForwardContext.training()) {
      double all = Tensors.number(LanguageLoss.of(model, TokenWindows.of(tokens), forward));
      double some = Tensors.number(LanguageLoss.of(model, TokenWindows.of(packed), forward));
      assertThat(some).isNotCloseTo(all, within(2e-3));
      assertEquals(some, step.run(i -> packed, 1, 0).loss(), 5e-4);
      assertEquals(all, step.run(i -> Tensors.stack(0, tokens, tokens), 1, 0).loss(), 5e-4);
    }
  }

  @Test
  void beforeItUpdatesItDoesOnceWhatItIsTold() {
    Experiment experiment = Trials.experiment("");
    try (Model model = model(experiment, ScalarType.Float);
        TrainingStep step = new TrainingStep(model, experiment.optimizer())) {
      Tensor weight = parameter(model, "norm.weight").master().detach();
      Tensor before = weight.clone();
      List<Boolean> same = new ArrayList<>();
      step.beforeUpdate(() -> same.add(weight.equal(before)));
      for (int i = 0; i < 2; i++) {
        step.run(TrainingStepTest::windows, 1, 1e-2);
      }
      assertEquals(List.of(true), same);
      assertFalse(weight.equal(before));
    }
  }

  private static double[] delta(Model model, Tensor windows) {
    try (ForwardContext forward = ForwardContext.training()) {
      LanguageLoss.of(model, TokenWindows.of(windows), forward);
      return Tensors.numbers(Objects.requireNonNull(forward.adjustments().get(BIAS)));
    }
  }

  @Test
  void aStepThatIsNotFiniteAdjustsNothing() {
    Experiment experiment = Trials.experiment("");
    try (Model model = model(experiment, ScalarType.Float);
        TrainingStep step = new TrainingStep(model, experiment.optimizer())) {
      parameter(model, "norm.weight").master().detach().fill_(new Scalar(Double.NaN));
      Tensor table = parameter(model, TABLE).master().detach().clone();
      step.run(i -> windows(i), 1, 1e-3);
      assertArrayEquals(new double[4], Tensors.numbers(parameter(model, BIAS).master()));
      assertTrue(table.equal(parameter(model, TABLE).master().detach()));
    }
  }

  /** Against gradients that LibTorch adds up by itself. */
  @Test
  void gradientsOfTablesHoldTheRowsRead() {
    Experiment experiment = Trials.experiment("");
    try (Model one = model(experiment, ScalarType.Double);
        Model two = model(experiment, ScalarType.Double);
        Gradients gradients = new Gradients(two.parameters(), GradientForm.SPARSE_TABLES)) {
      Tensor buffer = main(gradients);
      for (int round = 0; round < 2; round++) {
        gradients.clear();
        gradients.clearTables();
        assertEquals(0, buffer.values().size(0));
        for (int i = 0; i < 3; i++) {
          backward(one, windows(i));
          backward(two, windows(i));
          collect(gradients);
        }
        Tensor expected = parameter(one, TABLE).working().grad().to_dense();
        assertTrue(buffer.is_coalesced());
        assertTrue(Tensors.number(expected.sub(buffer.to_dense()).abs().max()) < 1e-14);
        Tensor touched = expected.abs().sum(1).sign().sum();
        assertEquals(Tensors.number(touched), buffer.values().size(0), "no row but those read");
        assertTrue(buffer.values().size(0) < 64);
        parameter(one, TABLE).working().mutable_grad().zero_();
      }
    }
  }

  /**
   * Against gradients that LibTorch adds up by itself; twice, so that nothing of before is added.
   */
  @Test
  void denseGradientsOfTablesNoteTheRowsRead() {
    Experiment experiment = Trials.experiment("");
    try (Model one = model(experiment, ScalarType.Double);
        Model two = model(experiment, ScalarType.Double);
        Gradients gradients = new Gradients(two.parameters(), GradientForm.DENSE_TABLES)) {
      Tensor read = Objects.requireNonNull(gradients.buffers().get(TABLE)).read().orElseThrow();
      for (int round = 0; round < 2; round++) {
        gradients.clear();
        assertFalse(Tensors.any(read));
        for (int i = 0; i < 3; i++) {
          backward(one, windows(3 * round + i));
          backward(two, windows(3 * round + i));
          gradients.collect();
          assertEquals(List.of(), gradients.take());
        }
        Tensor expected = parameter(one, TABLE).working().grad().to_dense();
        assertTrue(Tensors.number(expected.sub(main(gradients)).abs().max()) < 1e-14);
        assertTrue(read.equal(expected.ne(new Scalar(0)).any(1)), "no row but those read");
        parameter(one, TABLE).working().mutable_grad().reset();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Float", "BFloat16"})
  void buffersAreAsLargeAsIsPredicted(ScalarType compute) {
    try (Model model = model(Trials.experiment(""), compute);
        Gradients gradients = new Gradients(model.parameters(), GradientForm.DENSE_TABLES)) {
      Map<Tensor, Long> bytes = new HashMap<>();
      gradients
          .buffers()
          .values()
          .forEach(
              each ->
                  Stream.of(Stream.of(each.working(), each.mainGradient()), each.read().stream())
                      .flatMap(own -> own)
                      .forEach(own -> bytes.put(own, own.numel() * own.element_size())));
      assertEquals(
          memory(model, compute, true).state() - memory(model, compute, false).state(),
          bytes.values().stream().mapToLong(Long::longValue).sum());
    }
  }

  private static TrainingMemory memory(Model model, ScalarType compute, boolean accumulated) {
    return TrainingMemory.of(
        model, compute, new TrainingMemory.Step(1, 8, Recompute.NONE, accumulated, 0));
  }

  /** Buffers of one form become those of another, as when a stage accumulates. */
  @Test
  void buffersOfTablesTakeAnotherForm() {
    Placement precision = new Placement(Devices.cpu(), ScalarType.Float);
    try (ParameterStore store = new ParameterStore(precision, 1)) {
      store.borrow("facts", ParameterSpec.table("facts", Init.normal(1), 5, 2));
      Parameter facts = store.all().iterator().next();
      GradientBuffers sparse = GradientBuffers.of(facts, GradientForm.HANDED_OVER);
      assertTrue(sparse.mainGradient().is_sparse());
      GradientBuffers dense = sparse.fit(facts, GradientForm.DENSE_TABLES);
      assertFalse(dense.mainGradient().is_sparse());
      assertSame(dense, dense.fit(facts, GradientForm.DENSE_TABLES));
      try (GradientBuffers again = dense.fit(facts, GradientForm.SPARSE_TABLES)) {
        assertTrue(again.mainGradient().is_sparse());
        assertTrue(dense.mainGradient().isNull(), "freed");
      }
    }
  }

  private static void collect(Gradients gradients) {
    gradients.collect();
    List<HandedOver> left = gradients.take();
    gradients.addRows(HandedOver.tables(left));
    left.forEach(HandedOver::close);
  }

  private static Tensor main(Gradients gradients) {
    return Objects.requireNonNull(gradients.buffers().get(TABLE)).mainGradient();
  }

  /** Twice, so that nothing of a backward before is added. */
  @Test
  void gradientsThatAreHandedOverAreThoseOfBuffers() {
    Experiment experiment = Trials.experiment("");
    try (Model one = model(experiment, ScalarType.Double);
        Model two = model(experiment, ScalarType.Double);
        Gradients buffers = new Gradients(one.parameters(), GradientForm.SPARSE_TABLES);
        Gradients none = new Gradients(two.parameters(), GradientForm.HANDED_OVER)) {
      for (int round = 0; round < 2; round++) {
        buffers.clear();
        none.clear();
        backward(one, windows(round));
        backward(two, windows(round));
        List<HandedOver> left = none.take();
        Map<String, Tensor> dense = HandedOver.dense(left);
        for (OptimizedParameter each : buffers.optimized()) {
          if (!each.gradient().is_sparse()) {
            assertTrue(each.gradient().equal(dense.get(each.name())), each.name());
          }
        }
        assertEquals(Set.of(TABLE), HandedOver.tables(left).keySet());
        assertFalse(parameter(two, "norm.weight").working().grad().defined());
        left.forEach(HandedOver::close);
      }
    }
  }

  @Test
  void aParameterThatIsNotUsedIsHandedZeros() {
    Placement precision = new Placement(Devices.cpu(), ScalarType.Float);
    try (ParameterStore store = new ParameterStore(precision, 1)) {
      store.borrow("idle", ParameterSpec.of("idle", Init.normal(1), 5, 2));
      try (Gradients gradients = new Gradients(store, GradientForm.HANDED_OVER)) {
        List<HandedOver> left = gradients.take();
        assertArrayEquals(new double[10], Tensors.numbers(left.get(0).gradient()));
        left.forEach(HandedOver::close);
      }
    }
  }

  @Test
  void aDenseGradientOfATableIsRefused() {
    Placement precision = new Placement(Devices.cpu(), ScalarType.Float);
    try (ParameterStore store = new ParameterStore(precision, 1)) {
      Tensor table = store.borrow("facts", ParameterSpec.table("facts", Init.normal(1), 5, 2));
      try (Gradients gradients = new Gradients(store, GradientForm.SPARSE_TABLES)) {
        Backward.run(table.sum());
        IllegalStateException thrown = assertThrows(IllegalStateException.class, gradients::take);
        assertThat(thrown.getMessage()).contains("facts is a table");
      }
      try (Gradients gradients = new Gradients(store, GradientForm.DENSE_TABLES)) {
        IllegalStateException thrown =
            assertThrows(IllegalStateException.class, gradients::collect);
        assertThat(thrown.getMessage()).contains("facts is a table");
      }
    }
  }

  private static void backward(Model model, Tensor windows) {
    try (ForwardContext forward = ForwardContext.training()) {
      Backward.run(LanguageLoss.of(model, TokenWindows.of(windows), forward));
    }
  }

  @Test
  void rowsThatNobodyReadsStay() {
    Experiment experiment = Trials.experiment("");
    try (Model model = model(experiment, ScalarType.Float);
        TrainingStep step = new TrainingStep(model, experiment.optimizer())) {
      Tensor before = parameter(model, TABLE).master().detach().clone();
      step.run(i -> windows(i), 1, 1e-2);
      Tensor moved = parameter(model, TABLE).master().detach().ne(before).any(1);
      Tensor held = step.gradient(TABLE).indices().select(0, 0);
      assertArrayEquals(Tensors.integers(held), Tensors.integers(moved.nonzero()));
      Map<String, Tensor> state = step.optimizer().exportState();
      Tensor moments = Objects.requireNonNull(state.get(TABLE + ".exp_avg")).ne(new Scalar(0));
      assertArrayEquals(Tensors.integers(held), Tensors.integers(moments.any(1).nonzero()));
    }
  }

  /** Three tokens and what follows: at most 12 of 64 rows are read. */
  private static Tensor windows(long seed) {
    return windows(seed, 3);
  }

  private static Tensor windows(long seed, int tokens) {
    return Tensor.create(new Random(seed).longs(tokens + 1, 0, 256).toArray(), 1, tokens + 1);
  }

  private static Model model(Experiment experiment, ScalarType type) {
    return Model.build(
        experiment.model(), Trials.COMPONENTS, new Placement(Devices.cpu(), type), 1);
  }

  private static Parameter parameter(Model model, String name) {
    Map<String, Parameter> all =
        model.parameters().all().stream()
            .collect(Collectors.toMap(Parameter::name, parameter -> parameter));
    return Objects.requireNonNull(all.get(name), () -> name + " is none of " + all.keySet());
  }
}
