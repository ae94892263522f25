package dev.hydra.trainer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Init;
import dev.hydra.api.Site;
import dev.hydra.composer.Components.Registration;
import dev.hydra.composer.Parameter;
import dev.hydra.composer.SwapRequest;
import dev.hydra.composer.SwapRequest.Vanished;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import dev.hydra.trainer.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Resuming with other versions of components than a checkpoint was made with. */
class OtherVersionsTest {
  private static final String OVERRIDES =
      """
      model { depth = 1, block.paths = [ { ffn = test-ffn } ] }
      trainer { steps = 8, checkpoint.every = 4 }
      """;
  private static final Registration FUSED = TestFeedForward.fused("1.0");
  private static final Registration SPLIT = TestFeedForward.split("2.0");

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Trainer trainer(Registration registration, Events events) throws IOException {
    return Trials.trainer(
        folder, folder.resolve("run"), OVERRIDES, events, () -> List.of(registration));
  }

  /** Four steps with one version; values and moments after them. */
  private Map<String, double[]> begin(Registration registration) throws IOException {
    Events events = new Events();
    try (Trainer trainer = trainer(registration, events)) {
      trainer.run(() -> events.steps.size() == 4);
      return contents(trainer);
    }
  }

  private static Map<String, double[]> contents(Trainer trainer) {
    Map<String, double[]> all = new TreeMap<>();
    for (Parameter each : trainer.model().parameters().all()) {
      Scopes.run(() -> all.put(each.name(), Tensors.numbers(each.master())));
    }
    trainer
        .optimizerState()
        .forEach((name, tensor) -> Scopes.run(() -> all.put(name, Tensors.numbers(tensor))));
    return all;
  }

  @Test
  void otherParametersAreAnErrorDroppedOrKept() throws IOException {
    Map<String, double[]> before = begin(FUSED);
    try (Trainer trainer = trainer(SPLIT, new Events())) {
      IOException e = assertThrows(IOException.class, trainer::resume);
      assertTrue(e.getMessage().contains("missing: [blocks.0.ffn.gate"), e.getMessage());
    }
    for (Vanished policy : List.of(Vanished.DROP, Vanished.KEEP)) {
      Events events = new Events();
      try (Trainer trainer = trainer(SPLIT, events)) {
        assertEquals(4, trainer.resume(policy));
        Map<String, double[]> now = contents(trainer);
        for (String name : List.of("blocks.0.ffn.down", "blocks.0.ffn.down.exp_avg")) {
          assertArrayEquals(before.get(name), now.get(name), name);
        }
        assertEquals(4, now.get("blocks.0.ffn.down.step")[0]);
        assertEquals(0, now.get("blocks.0.ffn.gate.step")[0]);
        assertEquals(policy == Vanished.KEEP, now.containsKey("blocks.0.ffn.gate_up"));
        int[] steps = {0};
        trainer.run(() -> steps[0]++ == 2);
        assertEquals(
            policy == Vanished.KEEP, contents(trainer).containsKey("blocks.0.ffn.gate_up"));
      }
      assertTrue(
          events.warnings.get(0).contains("[test-plugin 1.0], this run has [test-plugin 2.0]"),
          events.warnings.toString());
      String change = policy == Vanished.KEEP ? "kept without use" : "dropped";
      assertTrue(
          events.warnings.get(1).contains(change + ": [blocks.0.ffn.gate_up]"),
          events.warnings.toString());
      String journal = Files.readString(folder.resolve("run/journal.jsonl"));
      assertTrue(
          journal.contains("\"initialised\":[\"blocks.0.ffn.gate\",\"blocks.0.ffn.up\"]"), journal);
      deleteCheckpointsAfter(4);
    }
  }

  private void deleteCheckpointsAfter(long step) throws IOException {
    try (var all = Files.list(folder.resolve("run/checkpoints"))) {
      for (Path each : all.toList()) {
        if (!each.getFileName().toString().equals("step-%06d".formatted(step))) {
          DurableFiles.delete(each);
        }
      }
    }
  }

  private static Registration without(String version) {
    return TestFeedForward.registration(version, OtherVersionsTest::downOnly, Optional.empty());
  }

  private static FeedForward downOnly(Site site) {
    Tensor down = site.parameter("down", Init.normal(0.1), site.width(), 2L * site.width());
    return (x, pass) -> Tensors.linear(Tensors.cat(2, x, x), down);
  }

  @Test
  void whatASwapKeptIsUsedAgain() throws IOException {
    Events events = new Events();
    Map<String, double[]> before;
    try (Trainer trainer = trainer(FUSED, events)) {
      trainer.run(
          () -> {
            if (events.steps.size() == 2) {
              SwapRequest request = SwapRequest.to(without("1.5")).vanished(Vanished.KEEP);
              assertFalse(Requests.swap(trainer, request).isDone(), "it waits for the boundary");
            }
            return events.steps.size() == 4;
          });
      before = contents(trainer);
      assertTrue(before.containsKey("blocks.0.ffn.gate_up"));
      assertFalse(before.containsKey("blocks.0.ffn.gate_up.step"), "it is not trained");
    }
    try (Trainer trainer = trainer(FUSED, new Events())) {
      assertEquals(4, trainer.resume());
      Map<String, double[]> now = contents(trainer);
      String name = "blocks.0.ffn.gate_up";
      assertArrayEquals(before.get(name), now.get(name));
      assertEquals(0, now.get(name + ".step")[0]);
      trainer.run(() -> false);
      assertEquals(4, contents(trainer).get(name + ".step")[0], "it is trained again");
    }
  }
}
