package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Registration;
import dev.hydra.api.Site;
import dev.hydra.composer.model.ComponentException;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapReport.Status;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Components that only fail in the run itself, where they are watched or not. */
class SwapFailureTest {
  private static final String OVERRIDES =
      """
      model.block.paths = [ { ffn = test-ffn } ]
      trainer { steps = 12, accumulate = 2 }
      """;

  /** What a training has and a probe has not: four rows. */
  private static final int ROWS = 4;

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  /** What a run was like before a swap and after it was undone. */
  private record Undone(
      List<SwapReport> heard, List<Map<String, double[]>> contents, Events events) {}

  private static Registration version(String version, Function<Site, FeedForward> maker) {
    return TestFeedForward.registration(version, maker, Optional.empty());
  }

  /** The usual one, but something happens before a training forward of the run. */
  private static Registration failing(int forwards, Consumer<Tensor> failure) {
    return version(
        "2.0",
        site -> {
          FeedForward good = TestFeedForward.fused(site);
          int[] count = {0};
          return (x, pass) -> {
            if (x.size(0) == ROWS && pass.training() && count[0]++ >= forwards) {
              failure.accept(x);
            }
            return good.forward(x, pass);
          };
        });
  }

  private Undone train(String overrides, Registration first, SwapRequest request)
      throws IOException {
    Undone undone = new Undone(new CopyOnWriteArrayList<>(), new ArrayList<>(), new Events());
    Events events = undone.events();
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve("run"), overrides, events, () -> List.of(first))) {
      events.heard =
          report -> {
            undone.heard().add(report);
            if (report.status() == Status.ROLLED_BACK) {
              undone.contents().add(contents(trainer));
            }
          };
      CompletableFuture<?>[] asked = new CompletableFuture<?>[1];
      trainer.run(
          () -> {
            if (events.steps.size() == 5 && asked[0] == null) {
              undone.contents().add(contents(trainer));
              asked[0] = Requests.swap(trainer, request);
            }
            return false;
          });
    }
    return undone;
  }

  private static Map<String, double[]> contents(Trainer trainer) {
    Map<String, double[]> all = new TreeMap<>();
    for (Parameter each : trainer.model().parameters().all()) {
      Scopes.run(() -> all.put(each.name(), Tensors.numbers(each.working())));
    }
    trainer
        .optimizerState()
        .forEach((name, tensor) -> Scopes.run(() -> all.put(name, Tensors.numbers(tensor))));
    return all;
  }

  private static void assertUndone(Undone undone, long step, String reason) {
    assertEquals(
        List.of(Status.PREPARED, Status.SWITCHED, Status.ROLLED_BACK),
        undone.heard().stream().map(SwapReport::status).toList(),
        undone.heard().toString());
    SwapReport last = undone.heard().get(2);
    assertEquals(step, last.step());
    assertThat(last.reason()).contains(reason);
    assertEquals(undone.contents().get(0).keySet(), undone.contents().get(1).keySet());
    undone
        .contents()
        .get(0)
        .forEach((name, each) -> assertArrayEquals(each, undone.contents().get(1).get(name), name));
    assertEquals(12, undone.events().steps.size());
    assertTrue(undone.events().losses().get(11) < undone.events().losses().get(4));
  }

  @Test
  void aStepThatFailsIsUndone() throws IOException {
    Registration failing =
        failing(
            3, // in the second step, when half of the gradient is there
            x -> {
              throw new UnsupportedOperationException("not four rows");
            });
    assertUndone(
        train(OVERRIDES, TestFeedForward.fused("1.0"), SwapRequest.to(failing)),
        6,
        "not four rows");
  }

  @Test
  void soIsOneThatEndsInAnError() throws IOException {
    Registration failing =
        failing(
            0,
            x -> {
              throw new StackOverflowError();
            });
    assertUndone(
        train(OVERRIDES, TestFeedForward.fused("1.0"), SwapRequest.to(failing)),
        5,
        "StackOverflowError");
  }

  @Test
  void soIsOneThatFailsOnHeldOutText() throws IOException {
    Registration failing =
        version(
            "2.0",
            site -> {
              FeedForward good = TestFeedForward.fused(site);
              return (x, pass) -> {
                if (x.size(0) == ROWS && !pass.training()) {
                  throw new UnsupportedOperationException("not without gradient");
                }
                return good.forward(x, pass);
              };
            });
    assertUndone(
        train(
            OVERRIDES + "trainer.evaluation { every = 7, windows = 4 }",
            TestFeedForward.fused("1.0"),
            SwapRequest.to(failing)),
        7,
        "not without gradient");
  }

  @Test
  void whatIsNotWatchedEndsTheRun() {
    Registration failing =
        failing(
            0,
            x -> {
              throw new UnsupportedOperationException("not four rows");
            });
    ComponentException thrown =
        assertThrows(
            ComponentException.class,
            () ->
                train(
                    OVERRIDES + "trainer.swap.guard-steps = 0",
                    TestFeedForward.fused("1.0"),
                    SwapRequest.to(failing)));
    assertThat(thrown)
        .hasCauseInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("test-ffn (test-plugin 2.0) at blocks.0.ffn failed in ");
  }

  /** Adds rows of a table, the gradient of which is sparse where the batch has so many rows. */
  private static FeedForward table(Site site, int sparseBelow) {
    FeedForward good = TestFeedForward.fused(site);
    Tensor table = site.parameter(ParameterSpec.table("rows", Init.normal(0.1), 256, site.width()));
    return (x, pass) -> {
      boolean sparse = x.size(0) < sparseBelow;
      Tensor rows = torch.embedding(table, pass.tokens(), -1, false, sparse);
      return good.forward(x, pass).add(Tensors.cast(rows, Tensors.type(x)));
    };
  }

  @Test
  void aTableWithADenseGradientIsUndone() throws IOException {
    Registration first = version("1.0", site -> table(site, ROWS + 1));
    Registration dense = version("2.0", site -> table(site, ROWS));
    assertUndone(train(OVERRIDES, first, SwapRequest.to(dense)), 5, "its gradient is dense");
  }

  @Test
  void momentsOfWhatWasNotTrainedBegin() throws IOException {
    Registration first =
        version(
            "1.0",
            site -> {
              Tensor both =
                  site.parameter(
                      ParameterSpec.of("both", Init.normal(0.1), 2, site.width()).frozen());
              return (x, pass) -> x.mul(both.select(0, 0)).add(both.select(0, 1));
            });
    Migration split =
        Migration.rearranging(
            old ->
                Map.of(
                    "scale", old.get("both").select(0, 0), "bias", old.get("both").select(0, 1)));
    Registration second =
        TestFeedForward.registration(
            "2.0",
            site -> {
              Tensor scale = site.parameter("scale", Init.ones(), site.width());
              Tensor bias = site.parameter("bias", Init.zeros(), site.width());
              return (x, pass) -> x.mul(scale).add(bias);
            },
            Optional.of(split));
    Undone swapped = train(OVERRIDES, first, SwapRequest.to(second));
    assertEquals(
        List.of(Status.PREPARED, Status.SWITCHED),
        swapped.heard().stream().map(SwapReport::status).toList(),
        swapped.heard().toString());
  }
}
