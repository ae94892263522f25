package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.data.Dataset;
import dev.hydra.data.ValidationWindows;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import dev.hydra.inference.TextGenerator;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.testing.Handles;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole runs: learning, stopping, resuming, failing. */
class TrainerTest {
  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Events run(String name, String overrides) throws IOException {
    return Trials.run(folder, folder.resolve(name), overrides);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp32", "bf16"})
  void learns(String precision) throws IOException {
    Events events = run("run", "trainer { steps = 40, precision = " + precision + " }");
    double first = events.steps.get(0).loss();
    double last = events.steps.get(39).loss();
    assertEquals(Math.log(256), first, 0.6, "a new model knows nothing");
    assertTrue(last < 2.5, "after 40 steps the loss is " + last);
    assertTrue(events.scores.get(0).bitsPerByte() < 2.5 / Math.log(2));
    assertTrue(events.steps.get(0).auxiliary() > 0, "routers balance");
  }

  @Test
  void runFolderHoldsWhatTheReadmeSays() throws IOException {
    run("run", "trainer { steps = 3, checkpoint { every = 1, keep = 2 } }");
    Path run = folder.resolve("run");
    List<MetricLine> steps = Trials.metrics(run, MetricLine.STEP);
    assertEquals(List.of(1L, 2L, 3L), steps.stream().map(MetricLine::step).toList());
    assertTrue(steps.get(2).values().get("loss") instanceof Double);
    assertThat(run.resolve("config.conf")).exists();
    assertThat(Files.readString(run.resolve("journal.jsonl"))).contains("\"event\":\"end\"");
    assertThat(run.resolve("checkpoints/step-000001")).as("only two are kept").doesNotExist();
    assertThat(run.resolve("checkpoints/step-000002")).exists();
    new Checkpoint(run.resolve("checkpoints/step-000003")).verify();
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp32", "bf16"})
  void resumesBitForBit(String precision) throws IOException {
    String overrides = "trainer { steps = 8, accumulate = 2, precision = " + precision + " }";
    Events whole = run("whole", overrides);
    Path parts = folder.resolve("parts");
    Events first = new Events();
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, first)) {
      assertFalse(trainer.hasStep());
      Trainer.Outcome outcome =
          trainer.run(
              () -> {
                assertEquals(!first.steps.isEmpty(), trainer.hasStep());
                return first.steps.size() == 3;
              });
      assertTrue(outcome.interrupted());
      assertEquals(3, outcome.step());
    }
    Events second = new Events();
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, second)) {
      assertEquals(3, trainer.resume(UnexpectedKeys.ERROR));
      assertTrue(trainer.hasStep());
      assertFalse(trainer.run(() -> false).interrupted());
    }
    assertEquals(whole.losses().subList(0, 3), first.losses());
    assertEquals(whole.losses().subList(3, 8), second.losses());
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER)) {
      assertArrayEquals(
          Files.readAllBytes(folder.resolve("whole/checkpoints/step-000008").resolve(file)),
          Files.readAllBytes(parts.resolve("checkpoints/step-000008").resolve(file)),
          file);
    }
    assertEquals(8, Trials.metrics(parts, MetricLine.STEP).size());
    try (SafetensorsFile file =
            SafetensorsFile.open(
                parts.resolve("checkpoints/step-000008").resolve(Checkpoint.MODEL));
        PointerScope scope = new PointerScope()) {
      double[] bias = Tensors.numbers(file.read("blocks.1.ffn.router.bias"));
      assertTrue(Arrays.stream(bias).anyMatch(b -> b != 0), "checkpoints keep what rules adjust");
    }
  }

  /** A run takes any optimizer and schedule, goes on with them, and says so if they are others. */
  @Test
  void resumesWithTheOptimizerAndScheduleOfOthers() throws IOException {
    String overrides =
        "trainer { steps = 6 }, optimizer { type = momentum, momentum = 0.5, schedule = linear }";
    Events whole = run("whole", overrides);
    assertEquals(1e-3, whole.steps.get(5).learningRate(), 1e-12);
    Path parts = folder.resolve("parts");
    Events first = new Events();
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, first)) {
      trainer.run(() -> first.steps.size() == 3);
    }
    try (Trainer trainer = Trials.trainer(folder, parts, "trainer { steps = 6 }", new Events())) {
      String refusal =
          assertThrows(IOException.class, () -> trainer.resume(UnexpectedKeys.ERROR)).getMessage();
      assertThat(refusal).contains(" does not fit the optimizer: ");
      assertThat(refusal)
          .contains("resume with the optimizer.type that the checkpoint was made with");
    }
    Events second = new Events();
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, second)) {
      assertEquals(3, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
    }
    assertEquals(whole.losses().subList(3, 6), second.losses());
    String journal = Files.readString(parts.resolve("journal.jsonl"));
    assertThat(journal).contains("dev.hydra.trainer.run unversioned");
  }

  @Test
  void saysWhenItStartsUnlessNothingIsLeftToDo() throws IOException {
    Path run = folder.resolve("run");
    for (int steps : new int[] {1, 3, 3}) {
      Events events = new Events();
      String overrides = "trainer.steps = " + steps;
      boolean resumes = Files.exists(run);
      try (Trainer trainer = Trials.trainer(folder, run, overrides, events)) {
        long done = resumes ? trainer.resume(UnexpectedKeys.ERROR) : 0;
        assertEquals(List.of(), events.started);
        trainer.run(() -> false);
        assertEquals(done < steps ? List.of(trainer.swapper()) : List.of(), events.started);
        assertEquals(1, events.scores.size(), "the held-out text is scored in any case");
      }
    }
  }

  @Test
  void damagedCheckpointIsPassedOver() throws IOException {
    run("run", "trainer { steps = 4, checkpoint { every = 2 } }");
    Path newest = folder.resolve("run/checkpoints/step-000004").resolve(Checkpoint.MODEL);
    byte[] bytes = Files.readAllBytes(newest);
    bytes[bytes.length / 2] ^= 1;
    Files.write(newest, bytes);
    Events events = new Events();
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), "trainer { steps = 4 }", events)) {
      assertEquals(2, trainer.resume(UnexpectedKeys.ERROR));
    }
    assertThat(events.warnings.get(0)).contains("model.safetensors is damaged");
    Files.delete(folder.resolve("run/checkpoints/step-000002/manifest.json"));
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), "trainer { steps = 4 }", events)) {
      IOException thrown =
          assertThrows(IOException.class, () -> trainer.resume(UnexpectedKeys.ERROR));
      assertThat(thrown.getMessage()).contains("no intact checkpoint");
    }
  }

  @Test
  void stopsOnWhatIsNotFinite() throws IOException {
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), "", events)) {
      Parameter norm =
          trainer.model().parameters().all().stream()
              .filter(parameter -> parameter.name().equals("norm.weight"))
              .findFirst()
              .orElseThrow();
      try (PointerScope scope = new PointerScope()) {
        norm.master().detach().fill_(new Scalar(Double.NaN));
      }
      TrainingException thrown =
          assertThrows(TrainingException.class, () -> trainer.run(() -> false));
      assertThat(thrown.getMessage()).contains("optimizer.learning-rate");
    }
    assertThat(Files.readString(folder.resolve("run/journal.jsonl"))).contains("\"not-finite\"");
    assertEquals(List.of(), new RunFolder(folder.resolve("run")).checkpoints());
  }

  @Test
  void accumulationAveragesGradients() throws IOException {
    Events once = run("once", "trainer { steps = 2, batch-size = 8 }");
    Events twice = run("twice", "trainer { steps = 2, batch-size = 4, accumulate = 2 }");
    assertEquals(once.steps.get(0).loss(), twice.steps.get(0).loss(), 1e-5);
    // Not exactly: each forward balances its own experts.
    assertEquals(once.steps.get(1).loss(), twice.steps.get(1).loss(), 1e-2);
  }

  @Test
  void liveHandlesStayFlat() throws IOException {
    Events events = new Events();
    try (Trainer trainer =
        Trials.trainer(
            folder,
            folder.resolve("run"),
            "trainer { steps = 1000, batch-size = 1 }, data.sequence-length = 16",
            events)) {
      AtomicReference<Handles> handles = new AtomicReference<>();
      trainer.run(
          () -> {
            int step = events.steps.size();
            if (step == 20) {
              handles.set(Handles.count());
            } else if (step > 20 && step < 1000) {
              handles.get().sample();
            }
            return false;
          });
      handles.get().assertFlat(979);
    }
  }

  @Test
  void unwritableRunFolderIsSaid() throws IOException {
    Files.writeString(folder.resolve("file"), "not a folder");
    IOException thrown =
        assertThrows(
            IOException.class,
            () -> Trials.trainer(folder, folder.resolve("file/run"), "", new Events()).close());
    assertThat(thrown.getMessage()).contains("--run-dir");
  }

  @Test
  void generatesTheSameWithTheSameSeed() throws IOException {
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), "", new Events())) {
      trainer.run(() -> false);
      TextGenerator generator = new TextGenerator(trainer.model(), 256, GenerationSettings.NONE);
      assertEquals(draw(generator, 1), draw(generator, 1));
      assertThat(draw(generator, 1)).isNotEqualTo(draw(generator, 2));
    }
  }

  private static List<Integer> draw(TextGenerator generator, long seed) {
    java.util.ArrayList<Integer> drawn = new java.util.ArrayList<>();
    Request request = new Request(new int[] {'a', 'n'}, 40, new Sampling(1, 0, 1, seed), Set.of());
    generator.generate(request, () -> false, drawn::add);
    return drawn;
  }

  @Test
  void resumingThatFailsKeepsTheConfiguration() throws IOException {
    run("run", "");
    Path run = folder.resolve("run");
    String before = Files.readString(run.resolve("config.conf"));
    try (Trainer other = Trials.trainer(folder, run, "model.width = 32", new Events())) {
      ConfigException thrown =
          assertThrows(ConfigException.class, () -> other.resume(UnexpectedKeys.ERROR));
      assertThat(thrown.getMessage()).contains("do not fit such a model");
    }
    assertEquals(before, Files.readString(run.resolve("config.conf")));
  }

  @Test
  void theLastEvaluationCanBeInterruptedAndMadeUp() throws IOException {
    Path run = folder.resolve("run");
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, run, "", events)) {
      Trainer.Outcome outcome = trainer.run(() -> events.steps.size() == 8);
      assertTrue(outcome.interrupted());
      assertEquals(8, outcome.step());
      assertThat(outcome.scores()).isEmpty();
    }
    try (Trainer trainer = Trials.trainer(folder, run, "", events)) {
      assertEquals(8, trainer.resume(UnexpectedKeys.ERROR));
      assertThat(trainer.run(() -> false).scores()).hasSize(1);
    }
  }

  @Test
  void twoRunsCannotShareAFolder() throws IOException {
    Path run = folder.resolve("run");
    try (Trainer first = Trials.trainer(folder, run, "", new Events())) {
      IOException thrown =
          assertThrows(
              IOException.class, () -> Trials.trainer(folder, run, "", new Events()).close());
      assertThat(thrown.getMessage()).contains("another process is using");
      first.run(() -> false);
    }
    Trials.trainer(folder, run, "", new Events()).close();
  }

  @Test
  void lastEvaluationScoresAllThatIsHeldOut() throws IOException {
    Events events = run("run", "trainer { steps = 2, evaluation { every = 1, windows = 8 } }");
    Dataset dataset = Trials.experiment("").data().open(List.of(folder));
    ValidationWindows windows = dataset.validation().get(0).windows();
    long all = windows.batch(0, windows.count()).predicted().length;
    assertEquals(List.of(8 * 32L, all), events.scores.stream().map(Score::tokens).toList());
    assertEquals(all, events.scores.get(1).bytes());
  }

  @Test
  void masterAndWorkingCopyAgreeAfterAStep() throws IOException {
    try (Trainer trainer =
            Trials.trainer(
                folder, folder.resolve("run"), "trainer { precision = bf16 }", new Events());
        PointerScope scope = new PointerScope()) {
      trainer.run(() -> false);
      for (Parameter parameter : trainer.model().parameters().all()) {
        assertTrue(
            parameter
                .working()
                .equal(Tensors.cast(parameter.master(), Tensors.type(parameter.working()))),
            parameter.name());
      }
    }
  }
}
