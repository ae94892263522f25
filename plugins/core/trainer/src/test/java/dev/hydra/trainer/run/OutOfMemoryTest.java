package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Init;
import dev.hydra.api.Pass;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A device without memory ends a run with one message, and what was learned is kept. */
class OutOfMemoryTest {
  /** LibTorch's own text. */
  static final String REFUSED =
      "CUDA out of memory. Tried to allocate 1.50 MiB. GPU 0 has a total capacity of 80.00 MiB of"
          + " which 1.00 MiB is free. Including non-PyTorch memory, this process has 79.00 MiB"
          + " memory in use. Of the allocated memory 1.00 MiB is allocated by PyTorch\n"
          + "Exception raised from malloc at CUDACachingAllocator.cpp:1\nframe #0: x";

  static final String RUN =
      """
      model.block.paths = [ { ffn = test-ffn } ]
      trainer { steps = 8, batch-size = 4 }
      """;

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  /** The usual component, but the device has no memory left for some of its passes. */
  private static Components refusing(Predicate<Pass> refused) {
    return refusing(refused, REFUSED);
  }

  static Components refusing(Predicate<Pass> refused, String text) {
    Registration component =
        TestFeedForward.registration(
            "1.0",
            site -> {
              FeedForward good = TestFeedForward.fused(site);
              return (x, pass) -> {
                if (refused.test(pass)) {
                  throw new RuntimeException(text);
                }
                return good.forward(x, pass);
              };
            },
            Optional.empty());
    return () -> List.of(component);
  }

  /** Two blocks are passed in every forward; the first in a step after so many is refused. */
  private static Components inStepAfter(int steps) {
    return inStepAfter(steps, REFUSED);
  }

  static Components inStepAfter(int steps, String text) {
    int[] passes = {0};
    return refusing(pass -> pass.training() && passes[0]++ == 2 * steps, text);
  }

  private String refusal(String run, String overrides, Components components) {
    Events events = new Events();
    return assertThrows(
            TrainingException.class,
            () -> {
              try (Trainer trainer =
                  Trials.trainer(folder, folder.resolve(run), overrides, events, components)) {
                trainer.run(() -> false);
              }
            })
        .getMessage();
  }

  @Test
  void saysWhatWasNeededWhatThereIsAndWhatWouldFit() {
    String large = RUN + "trainer.batch-size = 64, data.sequence-length = 1024";
    List<String> said = refusal("run", large, inStepAfter(0)).lines().toList();
    assertEquals(
        "after step 0: CUDA out of memory: 1.5 MiB more were needed; cuda:0 has 80.0 MiB, 1.0 MiB"
            + " free, 79.0 MiB used by this process.",
        said.get(0));
    assertThat(said.get(1))
        .matches(
            "a step of 64 sequences of 1,024 tokens is predicted to take [\\d.]+ MiB; these"
                + " settings are predicted to fit:");
    assertThat(said.get(2))
        .matches("  trainer.batch-size = 32, trainer.accumulate = 2 \\([\\d.]+ MiB\\)");
    assertEquals("there is no checkpoint yet", said.get(said.size() - 1));
  }

  @Test
  void theStepsBeforeAreKeptAndTheRunGoesOnAsIfItHadNotEnded() throws IOException {
    Path run = folder.resolve("run");
    String said = refusal("run", RUN, inStepAfter(5));
    assertThat(said)
        .startsWith("after step 5: CUDA out of memory")
        .endsWith("\nthe newest checkpoint is that of step 5");
    Components good = refusing(pass -> false);
    try (Trainer trainer = Trials.trainer(folder, run, RUN, new Events(), good)) {
      assertEquals(5, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
    }
    Path whole = folder.resolve("whole");
    try (Trainer trainer = Trials.trainer(folder, whole, RUN, new Events(), good)) {
      trainer.run(() -> false);
    }
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER)) {
      Path in = Path.of("checkpoints", "step-000008", file);
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(in)), Files.readAllBytes(run.resolve(in)), file);
    }
  }

  /** LibTorch's own text where the machine has no memory left. */
  @Test
  void soIsACpu() {
    String refused =
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 26214400000 bytes. Error code 12 (Cannot allocate memory)";
    Components components = inStepAfter(1, refused);
    assertThat(refusal("run", RUN, components))
        .startsWith("after step 1: out of memory: 24.4 GiB more were needed; this machine has ")
        .contains("\na step of 4 sequences of 32 tokens takes more than ")
        .contains("iB; less is taken with a smaller trainer.batch-size")
        .endsWith("\nthe newest checkpoint is that of step 1");
  }

  @Test
  void soIsAnEvaluation() {
    String evaluated = RUN + "trainer.evaluation.every = 3";
    assertThat(refusal("run", evaluated, refusing(pass -> !pass.training())))
        .startsWith("after step 3: CUDA out of memory")
        .endsWith("\nthe newest checkpoint is that of step 3");
  }

  @Test
  void soIsAModelThatDoesNotFitAtAll() {
    int[] made = {0};
    Registration first =
        TestFeedForward.registration(
            "1.0",
            site -> {
              if (made[0]++ == 1) {
                throw new RuntimeException(REFUSED);
              }
              return TestFeedForward.fused(site);
            },
            Optional.empty());
    assertThat(refusal("run", RUN, () -> List.of(first)))
        .startsWith("CUDA out of memory: 1.5 MiB more were needed")
        .contains("a step of 4 sequences of 32 tokens is predicted to take");
  }

  @Test
  void warnsOfAStepThatIsFarTooLarge() {
    Experiment experiment = Trials.experiment(RUN + "trainer.batch-size = 64");
    try (Model model =
        Model.build(
            experiment.model(),
            refusing(pass -> false),
            new Placement(Devices.meta(), ScalarType.Float),
            0)) {
      StepMemory memory = new StepMemory(model, ScalarType.Float, experiment.stages().get(0));
      assertThat(memory.warning(OutOfMemory.Kind.CUDA, "cuda:1", 1 << 30)).isEmpty();
      assertThat(memory.warning(OutOfMemory.Kind.CUDA, "cuda:1", 1 << 20).orElseThrow())
          .matches(
              "a step of 64 sequences of 32 tokens is predicted to take [\\d.]+ MiB, and cuda:1 has"
                  + " 1.0 MiB; predicted to fit: trainer.recompute = selective, .*;"
                  + " trainer.batch-size = \\d+, .*\\)");
      assertThat(memory.warning(OutOfMemory.Kind.CUDA, "cuda:1", 1 << 10).orElseThrow())
          .contains("take a smaller model");
      assertThat(memory.warning(OutOfMemory.Kind.HOST, "this machine", 1 << 20).orElseThrow())
          .matches(
              "a step of 64 sequences of 32 tokens takes more than [\\d.]+ MiB, and this machine has"
                  + " 1.0 MiB; less is taken with .*");
    }
  }

  /** Linux would kill the process in the middle of such a step. */
  @Test
  void aCpuRefusesWhatItsMachineCannotHoldBeforeAnythingIsBuilt() throws IOException {
    Registration unbuilt =
        TestFeedForward.registration(
            "1.0",
            site -> {
              assertThat(site.parameter("probe", Init.zeros(), 1).is_meta()).isTrue();
              return TestFeedForward.fused(site);
            },
            Optional.empty());
    String large =
        RUN + "model.vocab-size = 65536, trainer.batch-size = 700000, data.sequence-length = 1000";
    assertThat(refusal("run", large, () -> List.of(unbuilt)))
        .matches(
            "out of memory: [\\d.]+ TiB more were needed; this machine has [\\d.]+ GiB, .*\\.\n"
                + "a step of 700,000 sequences of 1,000 tokens takes more than [\\d.]+ TiB;"
                + " less is taken with a smaller trainer.batch-size .*");
  }

  /** A run that goes on may be past the stage that is too large. */
  @Test
  void aLaterStageThatFitsGoesOn() throws IOException {
    Path run = folder.resolve("run");
    String stages =
        RUN
            + "trainer.stages = [{ name = first, until = 4, trainer.batch-size = %d }, { name = second }]";
    Components good = refusing(pass -> false);
    Events events = new Events();
    try (Trainer trainer = Trials.trainer(folder, run, stages.formatted(4), events, good)) {
      trainer.run(() -> events.steps.size() == 6);
    }
    try (Trainer trainer =
        Trials.trainer(folder, run, stages.formatted(20_000_000), new Events(), good)) {
      assertThat(trainer.resume(UnexpectedKeys.ERROR)).isGreaterThan(4);
    }
  }

  /** The tensors of a component that is made on the meta device hold nothing. */
  @Test
  void adaptersAreCountedWithoutAModel() throws IOException {
    Experiment experiment =
        Trials.experiment("trainer.lora { rank = 2, targets = [\"blocks.*.mixer.*\"] }");
    RuntimeException refused = new RuntimeException(REFUSED);
    Placement placement = new Placement(Devices.cpu(), ScalarType.Float);
    TrainingException thrown =
        assertThrows(
            TrainingException.class,
            () -> StepMemory.refuse(experiment, Trials.COMPONENTS, placement, refused));
    assertThat(thrown).hasMessageContaining("is predicted to take");
    StepMemory.refuse(experiment, Trials.COMPONENTS, placement, new IOException("else"));
  }
}
