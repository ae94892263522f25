package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.hydra.api.FeedForward;
import dev.hydra.api.Registration;
import dev.hydra.api.Site;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapReport.Status;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A swap that was undone leaves no trace: what its steps were given is trained on again. */
class UndoneSwapTest {
  private static final String OVERRIDES =
      """
      model.block.paths = [ { ffn = test-ffn } ]
      trainer { steps = 10, accumulate = 2, swap.guard-factor = 1.2 }
      """;

  /** What a training has and a probe has not: four rows. */
  private static final int ROWS = 4;

  private static final int SWAPPED_AFTER = 4;

  @TempDir Path folder;

  private final List<SwapReport> heard = new CopyOnWriteArrayList<>();
  private String overrides = OVERRIDES;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private static Registration version(String version, Function<Site, FeedForward> maker) {
    return TestFeedForward.registration(version, maker, Optional.empty());
  }

  /** Drops at random in training. */
  private static FeedForward dropping(Site site) {
    FeedForward good = TestFeedForward.fused(site);
    return (x, pass) -> torch.dropout(good.forward(x, pass), 0.1, pass.training());
  }

  /** Does something to its output from some training forward of the run on. */
  private static Registration spoiling(int forwards, UnaryOperator<Tensor> spoil) {
    return version(
        "2.0",
        site -> {
          FeedForward good = TestFeedForward.fused(site);
          int[] count = {0};
          return (x, pass) -> {
            Tensor y = good.forward(x, pass);
            boolean bad = x.size(0) == ROWS && pass.training() && count[0]++ >= forwards;
            return bad ? spoil.apply(y) : y;
          };
        });
  }

  private Events train(String run, Optional<Registration> swap) throws IOException {
    Events events = new Events();
    events.heard = heard::add;
    Registration first = version("1.0", UndoneSwapTest::dropping);
    try (Trainer trainer =
        Trials.trainer(folder, folder.resolve(run), overrides, events, () -> List.of(first))) {
      CompletableFuture<?>[] asked = new CompletableFuture<?>[1];
      trainer.run(
          () -> {
            if (events.steps.size() == SWAPPED_AFTER && asked[0] == null && swap.isPresent()) {
              asked[0] = Requests.swap(trainer, SwapRequest.to(swap.get()).at("blocks.1.ffn"));
            }
            return false;
          });
    }
    return events;
  }

  private void assertNoTrace(Registration swap) throws IOException {
    Events plain = train("plain", Optional.empty());
    Events undone = train("undone", Optional.of(swap));
    assertEquals(
        List.of(Status.PREPARED, Status.SWITCHED, Status.ROLLED_BACK),
        heard.stream().map(SwapReport::status).toList(),
        heard.toString());
    assertEquals(plain.losses(), undone.losses(), heard.toString());
    assertEquals(samples("plain"), samples("undone"));
  }

  private long samples(String run) throws IOException {
    return new Checkpoint(folder.resolve(run).resolve("checkpoints/step-000010")).state().samples();
  }

  @Test
  void ofAStepThatFails() throws IOException {
    assertNoTrace(
        spoiling(
            1, // in its second forward
            y -> {
              throw new UnsupportedOperationException("not four rows");
            }));
  }

  @Test
  void ofAStepThatIsNotFinite() throws IOException {
    assertNoTrace(spoiling(0, y -> Tensors.mul(y, Double.NaN)));
  }

  @Test
  void ofAStepWithALossThatIsTooHigh() throws IOException {
    overrides += "trainer.swap.guard-loss = 0.1"; // every loss is above
    assertNoTrace(spoiling(0, y -> Tensors.mul(y, 2.0)));
  }

  @Test
  void windowsOfStepsThatWereUndoneLaterAreTakenAgain() throws IOException {
    Events plain = train("plain", Optional.empty());
    Events undone = train("undone", Optional.of(spoiling(5, y -> Tensors.mul(y, Double.NaN))));
    assertEquals(Status.ROLLED_BACK, heard.get(2).status());
    assertEquals(SWAPPED_AFTER + 2, heard.get(2).step(), "two good steps");
    assertEquals(10, undone.steps.size());
    assertNotEquals(plain.losses(), undone.losses());
    assertEquals(samples("plain") - 2 * 2 * ROWS, samples("undone"));
    assertEquals(
        plain.losses().get(SWAPPED_AFTER),
        undone.losses().get(SWAPPED_AFTER + 2),
        "parameters, random numbers and windows are those before the swap");
  }
}
