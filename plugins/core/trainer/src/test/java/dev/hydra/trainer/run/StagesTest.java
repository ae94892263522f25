package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The stages of a training. */
class StagesTest {
  private static final String PATHS =
      """
      vars {
        ssm = { mixer { type = mamba2, state = 8, head-dim = 8, chunk = 8 } }
        attention = { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 }, at = 1 }
        experts = { ffn { type = moe, experts = 4, hidden = 16,
                          router { type = chunk-topk, chunk = 8, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
        slots = { memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 8 }, gate = learned }
        table = { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },
                  gate = learned, at = 1 }
      }
      """;

  /** The paper's order, in small. */
  private static final String CURRICULUM =
      PATHS
          + """
          trainer.steps = 14
          trainer.stages = [
            { name = space, until = 3, model.block.paths = [${vars.ssm}] }
            { name = attention, until = 7, grow-in = 3, trainer.batch-size = 2
              model.block.paths = [${vars.ssm}, ${vars.attention}] }
            { name = experts, until = 9, freeze = ["blocks.*.mixer.*"], optimizer.weight-decay = 0.2
              model.block.paths = [${vars.ssm}, ${vars.attention}, ${vars.experts}] }
            { name = memories, until = 12, thaw = ["*"], grow-in = 2
              optimizer { learning-rate = 5e-3, warmup-steps = 2 }
              model.block.paths = [${vars.ssm}, ${vars.attention}, ${vars.experts}, ${vars.slots}, ${vars.table}] }
            { name = long, data.sequence-length = 48, "model.block.paths[sparse-global].mixer.window" = 16 }
          ]
          """;

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Trainer trainer(String run, String overrides, Events events) throws IOException {
    return Trials.trainer(folder, folder.resolve(run), overrides, events);
  }

  private Events run(String run, String overrides) throws IOException {
    Events events = new Events();
    try (Trainer trainer = trainer(run, overrides, events)) {
      trainer.run(() -> false);
    }
    return events;
  }

  /** From what the checkpoint itself has for a configuration. */
  static Trainer resumed(Path folder, String run, Events events) throws IOException {
    RunFolder there = new RunFolder(folder.resolve(run));
    Config config = ConfigFiles.load(there.resumeConfig(), List.of());
    Experiment experiment = Experiment.read(config, Trials.PLUGINS, List.of());
    Trainer trainer =
        new Trainer(
            experiment,
            experiment.open(List.of(folder), bytes -> {}),
            Trials.COMPONENTS,
            Devices.cpu(),
            there,
            events);
    trainer.resume(UnexpectedKeys.ERROR);
    return trainer;
  }

  static void assertSameEnd(Path folder, String one, String other, int step) throws IOException {
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER)) {
      String path = String.format("checkpoints/step-%06d/%s", step, file);
      assertArrayEquals(
          Files.readAllBytes(folder.resolve(one).resolve(path)),
          Files.readAllBytes(folder.resolve(other).resolve(path)),
          file);
    }
  }

  private static Map<String, double[]> values(Trainer trainer) {
    Map<String, double[]> all = new TreeMap<>();
    for (Parameter each : trainer.model().parameters().all()) {
      Scopes.run(() -> all.put(each.name(), Tensors.numbers(each.master())));
    }
    return all;
  }

  @Test
  void eachStageChangesWhatItNamesAndSaysSo() throws IOException {
    Events events = run("run", CURRICULUM);
    assertEquals(List.of(), events.warnings);
    assertEquals(
        List.of("space", "attention", "experts", "memories", "long"),
        events.stages.stream().map(StageReport::name).toList());
    assertEquals(
        List.of(0L, 3L, 7L, 9L, 12L), events.stages.stream().map(StageReport::step).toList());
    StageReport attention = events.stages.get(1);
    assertThat(attention.text())
        .startsWith("stage attention from step 3: adds mixer2 (blocks 1); ")
        .contains("parameters new, ")
        .endsWith(" carried over, grows in over 3 steps; sequences of 32 tokens");
    assertEquals(
        events.stages.get(0).parameters() + attention.initialised(), attention.parameters());
    assertTrue(events.stages.get(2).frozen() > 0);
    assertEquals(0, events.stages.get(3).frozen());
    assertThat(events.stages.get(4).text())
        .startsWith("stage long from step 12: changes mixer2 (blocks 1); ")
        .endsWith("sequences of 48 tokens");
    assertEquals(14, events.steps.size());
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("\"event\":\"stage\"").contains("\"added\":[\"blocks.1.mixer2\"]");
    String saved =
        Files.readString(folder.resolve("run/checkpoints/step-000012").resolve(Checkpoint.STATE));
    assertThat(saved).contains("\"stage\":\"memories\"");
  }

  /** With a schedule from each stage that sets one to the next that does. */
  @Test
  void stagesMayBeginWithoutACheckpoint() throws IOException {
    var unused = run("few", CURRICULUM + "\ntrainer.checkpoint { every = 0, at-stages = false }");
    unused = run("many", CURRICULUM + "\ntrainer.checkpoint.every = 0");
    assertEquals(List.of(1L, 5L), List.of(checkpoints("few"), checkpoints("many")));
  }

  private long checkpoints(String run) throws IOException {
    return Files.readAllLines(folder.resolve(run).resolve("journal.jsonl")).stream()
        .filter(line -> line.contains("\"checkpoint\""))
        .count();
  }

  @Test
  void aStageThatSetsALearningRateBeginsASchedule() throws IOException {
    Events events = run("run", CURRICULUM);
    List<Double> rates = events.steps.stream().map(StepReport::learningRate).toList();
    Events whole = run("whole", "trainer.steps = 9");
    assertEquals(whole.steps.stream().map(StepReport::learningRate).toList(), rates.subList(0, 9));
    assertEquals(2.5e-3, rates.get(9), 1e-12);
    assertEquals(5e-3, rates.get(10), 1e-12);
    assertEquals(5e-4, rates.get(13), 1e-12);
  }

  @ParameterizedTest
  @CsvSource({
    "2,",
    "3,",
    "5,",
    "7,",
    "8,",
    "10,",
    "12,",
    "13,",
    "5, trainer.precision = bf16",
    "8, trainer.ema.decay = 0.9"
  })
  void resumesInsideAStageAndAtItsBoundaryBitForBit(int stop, @Nullable String more)
      throws IOException {
    String overrides = CURRICULUM + (more == null ? "" : more);
    Events whole = run("whole", overrides);
    for (boolean own : new boolean[] {false, true}) {
      String name = "parts-" + own;
      Events first = new Events();
      try (Trainer trainer = trainer(name, overrides, first)) {
        trainer.run(() -> first.steps.size() == stop);
      }
      Events second = new Events();
      if (own) {
        try (Trainer trainer = resumed(folder, name, second)) {
          trainer.run(() -> false);
        }
      } else {
        try (Trainer trainer = trainer(name, overrides, second)) {
          assertEquals(stop, trainer.resume(UnexpectedKeys.ERROR));
          trainer.run(() -> false);
        }
      }
      assertEquals(List.of(), second.warnings);
      assertEquals(whole.losses().subList(0, stop), first.losses());
      assertEquals(whole.losses().subList(stop, 14), second.losses());
      assertSameEnd(folder, "whole", name, 14);
    }
  }

  /** At its first step what grows in counts for nothing. */
  @Test
  void whatGrowsInChangesNothingAtFirst() throws IOException {
    String stages =
        PATHS
            + """
            trainer.steps = 6
            model.block.paths = [${vars.ssm}]
            trainer.stages = [
              { name = space, until = 3 }
              { name = all, grow-in = 3
                model.block.paths = [${vars.ssm}, ${vars.attention}, ${vars.experts}, ${vars.slots}, ${vars.table}] }
            ]
            """;
    Events plain = run("plain", PATHS + "trainer.steps = 6, model.block.paths = [${vars.ssm}]");
    Events grown = run("grown", stages);
    Events sudden = run("sudden", stages.replace("grow-in = 3", ""));
    assertEquals(plain.losses().subList(0, 4), grown.losses().subList(0, 4));
    assertTrue(Math.abs(sudden.losses().get(3) - plain.losses().get(3)) > 1e-4);
    assertTrue(Math.abs(grown.losses().get(5) - plain.losses().get(5)) > 1e-6);
  }

  @Test
  void whatIsFrozenIsNotTrainedAndNothingIsKeptForIt() throws IOException {
    String stages =
        """
        trainer.steps = 6
        trainer.stages = [
          { name = first, until = 2 }
          { name = frozen, until = 4, freeze = ["blocks.*.mixer*", "embedding.*"], thaw = ["*.mixer2.*"] }
          { name = thawed, thaw = ["*"] }
        ]
        """;
    Events events = new Events();
    Map<Integer, Map<String, double[]>> at = new TreeMap<>();
    Map<Integer, List<String>> states = new TreeMap<>();
    try (Trainer trainer = trainer("run", stages, events)) {
      trainer.run(
          () -> {
            at.put(events.steps.size(), values(trainer));
            states.put(events.steps.size(), List.copyOf(trainer.optimizerState().keySet()));
            return false;
          });
    }
    String frozen = "blocks.0.mixer.in_proj.weight";
    assertTrue(at.get(0).containsKey(frozen), at.get(0).keySet().toString());
    assertArrayEquals(at.get(2).get(frozen), at.get(4).get(frozen));
    assertArrayEquals(at.get(2).get("embedding.weight"), at.get(4).get("embedding.weight"));
    assertThat(at.get(5).get(frozen)).isNotEqualTo(at.get(4).get(frozen));
    at.get(3)
        .forEach(
            (name, values) -> {
              if (name.startsWith("blocks.1.mixer2.") && name.endsWith("proj.weight")) {
                assertThat(values).as(name).isNotEqualTo(at.get(2).get(name));
              }
            });
    assertThat(states.get(1)).anyMatch(name -> name.startsWith(frozen));
    assertThat(states.get(3)).noneMatch(name -> name.startsWith(frozen));
    assertThat(states.get(5)).anyMatch(name -> name.startsWith(frozen));
  }

  @Test
  void tokensAreCountedFromTheBeginning() {
    List<Stage> stages =
        Trials.experiment(
                """
                trainer { steps = 20, batch-size = 4, stages = [
                  { name = a, until = "1k tokens" }
                  { name = b, until = "2k tokens", data.sequence-length = 64 }
                  { name = c }
                ] }
                """)
            .stages();
    assertEquals(List.of(8L, 12L, 20L), stages.stream().map(Stage::until).toList());
  }
}
