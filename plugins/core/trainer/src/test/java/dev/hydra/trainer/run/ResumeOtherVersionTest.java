package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.api.FeedForward;
import dev.hydra.api.Init;
import dev.hydra.api.Registration;
import dev.hydra.api.Site;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.mixer.attention.SlidingWindowFactory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that go on with another version of a plugin than they were begun with. */
class ResumeOtherVersionTest {
  private static final String PATHS =
      """
      model.block.paths = [
        { mixer { type = sliding-window, heads = 2, window = 8 } }
        { ffn = test-ffn }
      ]
      """;

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Trainer trainer(String run, Registration version, int steps, Events events)
      throws IOException {
    List<Registration> all = new ArrayList<>(Components.of(new SlidingWindowFactory()).all());
    all.add(version);
    String overrides = PATHS + "trainer.steps = " + steps;
    return Trials.trainer(folder, folder.resolve(run), overrides, events, () -> all);
  }

  private void begin(Registration version) throws IOException {
    Events events = new Events();
    try (Trainer trainer = trainer("run", version, 8, events)) {
      trainer.run(() -> events.steps.size() == 4);
    }
  }

  @Test
  void aMigrationGivesWhatASwapWouldHaveGiven() throws IOException {
    Events swapped = new Events();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Trainer trainer = trainer("swapped", TestFeedForward.fused("1.0"), 8, swapped)) {
      trainer.run(
          () -> {
            if (swapped.steps.size() == 4) {
              SwapRequest request = SwapRequest.to(TestFeedForward.split("2.0"));
              reports.add(Requests.swap(trainer, request));
            }
            return false;
          });
    }
    assertTrue(Requests.get(reports.get(0)).switched());
    begin(TestFeedForward.fused("1.0"));
    Events resumed = new Events();
    try (Trainer trainer = trainer("run", TestFeedForward.split("2.0"), 8, resumed)) {
      assertEquals(4, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
    }
    assertEquals(swapped.losses().subList(4, 8), resumed.losses());
    String warning = resumed.warnings.get(0);
    assertThat(warning).contains("blocks.0.ffn=test-plugin 1.0 -> test-plugin 2.0");
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("\"migrated\":[\"blocks.0.ffn.gate\"");
  }

  @Test
  void whatIsNewIsInitialised() throws IOException {
    begin(TestFeedForward.fused("1.0"));
    Events resumed = new Events();
    try (Trainer trainer = trainer("run", TestFeedForward.failing(1000, 1), 8, resumed)) {
      assertEquals(4, trainer.resume(UnexpectedKeys.ERROR));
      trainer.run(() -> false);
      assertEquals(
          4, number(trainer, "blocks.0.ffn.more.step"), "its own count, from the first step on");
      assertEquals(8, number(trainer, "blocks.0.ffn.down.step"));
    }
    assertEquals(4, resumed.steps.size());
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("\"initialised\":[\"blocks.0.ffn.more\"");
  }

  private static double number(Trainer trainer, String name) {
    return Tensors.number(trainer.optimizerState().get(name));
  }

  @Test
  void whatIsNotAskedForAnyMoreFollowsThePolicy() throws IOException {
    begin(TestFeedForward.failing(1000, 1));
    try (Trainer trainer = trainer("run", TestFeedForward.fused("1.0"), 8, new Events())) {
      IOException refused =
          assertThrows(IOException.class, () -> trainer.resume(UnexpectedKeys.ERROR));
      String message = String.valueOf(refused.getMessage());
      assertThat(message).contains("blocks.0.ffn.more no more, as did test-plugin failing");
      assertThat(message).contains("--policy drop or keep");
    }
    Events kept = new Events();
    try (Trainer trainer = trainer("run", TestFeedForward.fused("1.0"), 6, kept)) {
      assertEquals(4, trainer.resume(UnexpectedKeys.KEEP));
      trainer.run(() -> false);
      assertThat(
              trainer.model().parameters().all().stream()
                  .filter(Parameter::unused)
                  .map(Parameter::name)
                  .toList())
          .contains("blocks.0.ffn.more");
    }
    Events again = new Events();
    try (Trainer trainer = trainer("run", TestFeedForward.fused("1.1"), 8, again)) {
      assertEquals(6, trainer.resume(UnexpectedKeys.DROP));
      trainer.run(() -> false);
      assertEquals(
          2,
          trainer.model().parameters().all().stream().filter(Parameter::unused).count(),
          "what was kept before stays");
    }
  }

  @Test
  void aModelOfAnotherShapeIsNoOtherVersion() throws IOException {
    begin(TestFeedForward.fused("1.0"));
    List<Registration> all = new ArrayList<>(Components.of(new SlidingWindowFactory()).all());
    all.add(TestFeedForward.fused("1.1"));
    String overrides = PATHS + "model.depth = 3, trainer.steps = 8";
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), overrides, new Events(), () -> all)) {
      ConfigException refused =
          assertThrows(ConfigException.class, () -> trainer.resume(UnexpectedKeys.DROP));
      assertThat(refused).hasMessageContaining("model.depth is 2 in the checkpoint, 3 here");
    }
  }

  private static FeedForward downOnly(Site site) {
    Tensor down = site.parameter("down", Init.normal(0.1), site.width(), 2L * site.width());
    return (x, pass) -> Tensors.linear(Tensors.cat(2, x, x), down);
  }

  @Test
  void whatASwapKeptIsUsedAgain() throws IOException {
    Registration without =
        TestFeedForward.registration("1.5", ResumeOtherVersionTest::downOnly, Optional.empty());
    String name = "blocks.0.ffn.gate_up";
    Events events = new Events();
    double[] before;
    try (Trainer trainer = trainer("run", TestFeedForward.fused("1.0"), 8, events)) {
      trainer.run(
          () -> {
            if (events.steps.size() == 2) {
              SwapRequest request = SwapRequest.to(without).withUnexpectedKeys(UnexpectedKeys.KEEP);
              assertFalse(Requests.swap(trainer, request).isDone(), "it waits for the boundary");
            }
            return events.steps.size() == 4;
          });
      assertThat(trainer.optimizerState())
          .as("it is not trained")
          .doesNotContainKey(name + ".step");
      before = values(trainer, name);
    }
    try (Trainer trainer = trainer("run", TestFeedForward.fused("1.0"), 8, new Events())) {
      assertEquals(4, trainer.resume(UnexpectedKeys.ERROR));
      assertArrayEquals(before, values(trainer, name));
      assertEquals(0, number(trainer, name + ".step"));
      trainer.run(() -> false);
      assertEquals(4, number(trainer, name + ".step"), "it is trained again");
    }
  }

  private static double[] values(Trainer trainer, String name) {
    return trainer.model().parameters().all().stream()
        .filter(each -> each.name().equals(name))
        .map(each -> Tensors.numbers(each.master()))
        .findFirst()
        .orElseThrow();
  }
}
