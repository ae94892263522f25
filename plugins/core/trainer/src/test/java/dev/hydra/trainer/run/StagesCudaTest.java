package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A captured step is dropped where a stage begins or a path has grown, and captured again. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class StagesCudaTest {
  /** Each stage, and each share of one before and after growth, is long enough for a capture. */
  private static final String STAGES =
      """
      model.width = 32
      model.block.paths = [ { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } } ]
      vars.all = [
        { mixer { type = mamba2, state = 16, head-dim = 16, chunk = 16 } }
        { mixer { type = sparse-global, heads = 2, window = 8, global-every = 4 }, gate = none, at = 1 }
        { ffn { type = moe, experts = 4, hidden = 16,
                router { type = chunk-topk, chunk = 8, top-k = 2, bias-rate = 0.01 } }, gate = 0.5 }
        { memory { type = workspace, slots = 4, dim = 16, heads = 2, chunk = 8 }, gate = learned }
      ]
      trainer.steps = 40, trainer.precision = bf16
      trainer.stages = [
        { name = first, until = 8 }
        { name = grown, until = 24, grow-in = 8, model.block.paths = ${vars.all} }
        { name = frozen, until = 32, freeze = ["blocks.*.mixer.*"] }
        { name = long, thaw = ["*"], data.sequence-length = 64 }
      ]
      """;

  @TempDir Path folder;

  /**
   * Trains.
   *
   * @param captured is given the steps that had been captured when they were reported
   */
  private Events run(String name, String overrides, Set<Long> captured) throws IOException {
    Events events = new Events();
    Trainer[] training = new Trainer[1];
    TrainingListener steps =
        new TrainingListener() {
          @Override
          public void stepped(StepReport report) {
            if (training[0].captured()) {
              captured.add(report.step());
            }
          }
        };
    Experiment experiment = Trials.experiment(STAGES + overrides);
    try (Trainer trainer =
        new Trainer(
            experiment,
            experiment.open(List.of(folder), bytes -> {}),
            Trials.COMPONENTS,
            Devices.choose("cuda"),
            new RunFolder(folder.resolve(name)),
            events,
            steps)) {
      training[0] = trainer;
      trainer.run(() -> false);
    }
    return events;
  }

  @Test
  void stagesOfCapturedStepsAreTheSameBitForBit() throws IOException {
    Trials.corpus(folder);
    Set<Long> captured = new TreeSet<>();
    Events graph = run("graph", "", captured);
    Events eager = run("eager", "trainer.graph = off", new TreeSet<>());
    assertEquals(eager.losses(), graph.losses());
    assertEquals(List.of(), graph.warnings);
    for (long step : new long[] {8, 16, 24, 32, 40}) { // the last one of each part
      assertTrue(captured.contains(step), "captured in step " + step);
    }
    for (long step : new long[] {9, 17, 25, 33}) {
      assertTrue(!captured.contains(step), "not captured in step " + step);
    }
  }

  /** Without kernels, products in float32 go expert by expert, for which the host waits. */
  @Test
  void float32ExpertsAreIssuedOperatorByOperatorWhichIsSaidOnce() throws IOException {
    Trials.corpus(folder);
    NavigableSet<Long> captured = new TreeSet<>();
    Events graph = run("graph", "trainer { precision = fp32, kernels = plain }", captured);
    Events eager =
        run("eager", "trainer { precision = fp32, kernels = plain, graph = off }", new TreeSet<>());
    assertEquals(eager.losses(), graph.losses());
    assertEquals(8, captured.last(), "without experts it is captured, with them it is not");
    assertEquals(1, graph.warnings.size(), graph.warnings.toString());
    assertTrue(graph.warnings.get(0).contains("blocks.0.ffn"), graph.warnings.get(0));
    assertTrue(graph.warnings.get(0).contains("the host would wait"), graph.warnings.get(0));
  }
}
