package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.mixer.mamba.Mamba2Factory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Swaps of components between the stages of a training, and at their beginnings. */
class StageSwapTest {
  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Trainer trainer(String run, String overrides, Events events) throws IOException {
    return Trials.trainer(folder, folder.resolve(run), overrides, events);
  }

  /** A swap holds in later stages, but for what these change. */
  @Test
  void aSwapStaysWhereLaterStagesDoNotNameIt() throws IOException {
    String stages =
        """
        trainer { steps = 8, swap { guard-steps = 0 } }
        trainer.stages = [
          { name = first, until = 4 }
          { name = second, until = 6, "model.block.paths[sparse-global].mixer.window" = 16 }
          { name = third, "model.block.paths[sparse-global].mixer.global-every" = 8 }
        ]
        """;
    Events whole = new Events();
    try (Trainer trainer = trainer("whole", stages, whole)) {
      assertSwapped(trainer, whole, 9);
      assertEquals(
          "{\"global-every\":8,\"heads\":1,\"type\":\"sparse-global\",\"window\":16}",
          mixer2(trainer));
    }
    for (int stop : new int[] {3, 5, 7}) {
      Events first = new Events();
      try (Trainer trainer = trainer("parts" + stop, stages, first)) {
        assertSwapped(trainer, first, stop);
      }
      Events second = new Events();
      try (Trainer trainer = StagesTest.resumed(folder, "parts" + stop, second)) {
        trainer.run(() -> false);
        assertThat(mixer2(trainer)).contains("\"heads\":1").contains("\"global-every\":8");
      }
      assertEquals(List.of(), second.warnings);
      assertEquals(whole.losses().subList(stop, 8), second.losses());
      StagesTest.assertSameEnd(folder, "whole", "parts" + stop, 8);
    }
  }

  private static void assertSwapped(Trainer trainer, Events events, int stop) throws IOException {
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    trainer.run(
        () -> {
          if (events.steps.size() == 2 && reports.isEmpty()) {
            reports.add(
                Requests.swap(
                    trainer,
                    SwapRequest.configure(
                        ConfigFactory.parseString("heads = 1"), "blocks.1.mixer2")));
          }
          return events.steps.size() == stop;
        });
    SwapReport report = Requests.get(reports.get(0));
    assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
  }

  private static String mixer2(Trainer trainer) {
    return trainer.model().spec().blocks().get(1).paths().stream()
        .filter(path -> path.name().equals("mixer2"))
        .findFirst()
        .orElseThrow()
        .config()
        .root()
        .render(ConfigRenderOptions.concise());
  }

  /** What is before a stage is gone when it begins. */
  @Test
  void aGuardedSwapIsConfirmedWhenAStageBegins() throws IOException {
    String stages =
        """
        trainer { steps = 6, swap { guard-steps = 50, guard-factor = 1000 } }
        trainer.stages = [ { name = first, until = 4 }, { name = second, data.sequence-length = 16 } ]
        """;
    Events events = new Events();
    List<CompletableFuture<SwapReport>> rollbacks = new ArrayList<>();
    try (Trainer trainer = trainer("run", stages, events)) {
      List<CompletableFuture<SwapReport>> swaps = new ArrayList<>();
      trainer.run(
          () -> {
            if (events.steps.size() == 2) {
              swaps.add(
                  Requests.swap(
                      trainer,
                      SwapRequest.configure(
                          ConfigFactory.parseString("heads = 1"), "blocks.1.mixer2")));
            } else if (events.steps.size() == 5) {
              rollbacks.add(Requests.ask(trainer.swapper()::pending, trainer.swapper()::rollback));
            }
            return false;
          });
      assertEquals(SwapReport.Status.SWITCHED, Requests.get(swaps.get(0)).status());
      assertThat(mixer2(trainer)).contains("\"heads\":1");
    }
    SwapReport rollback = Requests.get(rollbacks.get(0));
    assertEquals(SwapReport.Status.REFUSED, rollback.status());
    assertThat(rollback.reason()).startsWith("there is no swap that can be rolled back");
  }

  /** What was built for the model of one stage is not put into that of the next. */
  @Test
  void aSwapThatIsBeingPreparedWhenAStageBeginsIsRefused() throws IOException {
    CountDownLatch building = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    String stages =
        """
        trainer.steps = 6
        trainer.stages = [ { name = first, until = 3 }, { name = second, freeze = ["embedding.*"] } ]
        """;
    Events events = new Events();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    try (Trainer trainer = trainer("run", stages, events)) {
      trainer.run(
          () -> {
            if (events.steps.size() == 2) {
              reports.add(
                  CompletableFuture.supplyAsync(
                      () ->
                          trainer
                              .swapper()
                              .swap(SwapRequest.to(WaitingMixer.registration(building, go)))));
              await(building);
            } else if (events.steps.size() == 4) {
              go.countDown();
              Requests.until(() -> reports.get(0).isDone() || trainer.swapper().pending());
            }
            return false;
          });
    }
    SwapReport report = Requests.get(reports.get(0));
    assertEquals(SwapReport.Status.REFUSED, report.status());
    assertEquals("the model has changed meanwhile; ask again", report.reason());
    assertEquals(6, events.steps.size());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The mixer of the model, which takes its time to be created. */
  private static final class WaitingMixer {
    static Registration registration(CountDownLatch building, CountDownLatch go) {
      Mamba2Factory plain = new Mamba2Factory();
      ComponentFactory<Mixer> waiting =
          new ComponentFactory<>() {
            @Override
            public Role role() {
              return plain.role();
            }

            @Override
            public List<Option<?>> options() {
              return plain.options();
            }

            @Override
            public Mixer create(Site site) {
              building.countDown();
              await(go);
              return plain.create(site);
            }

            @Override
            public Cost cost(Site site, Workload work) {
              return plain.cost(site, work);
            }
          };
      return new Registration("mamba2", waiting, PluginId.of("waiting", "1.0"));
    }
  }
}
