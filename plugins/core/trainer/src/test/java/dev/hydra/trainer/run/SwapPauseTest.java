package dev.hydra.trainer.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How long training stands still: in a model of 128 channels and six blocks. */
class SwapPauseTest {
  /** Far above what it is, for machines that do much else. */
  private static final double LIMIT_MS = 100;

  private static final String MODEL =
      """
      model {
        vocab-size = 256, width = 128, depth = 6
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 32, head-dim = 64 }, gate = 1.0 }
            { mixer { type = sparse-global, heads = 4, window = 64, global-every = 32 }, gate = 0.15, at = "2::3" }
            { ffn { type = moe, experts = 4, hidden = 128
                    router { type = chunk-topk, chunk = 32, top-k = 2 } }, gate = 0.5, at = "::2" }
            { memory { type = workspace, slots = 32, dim = 64, heads = 4, chunk = 32 }, gate = learned, at = "2::3" }
            { memory { type = pkm, keys = 32, key-dim = 32, value-dim = 128, heads = 2, top-k = 4 }, gate = learned, at = "4" }
          ]
        }
      }
      data.sequence-length = 32
      """;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"same, 0", "same, 50", "other, 0", "other, 50"})
  void isShort(String what, int guarded) throws IOException {
    Trials.corpus(folder);
    int steps = Integer.getInteger("hydra.swaps", 20);
    Events events = new Events();
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    String overrides =
        MODEL
            + "trainer { batch-size = 1, steps = "
            + steps
            + ", swap.guard-steps = "
            + guarded
            + " }";
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("run"), overrides, events)) {
      trainer.run(
          () -> {
            int step = events.steps.size();
            if (step < steps) {
              reports.add(Requests.swap(trainer, request(what, step)));
            }
            return false;
          });
    }
    double[] pauses =
        reports.stream()
            .map(Requests::get)
            .mapToDouble(each -> each.pauseNanos() / 1e6)
            .sorted()
            .toArray();
    assertEquals(
        List.of(SwapReport.Status.SWITCHED),
        reports.stream().map(each -> Requests.get(each).status()).distinct().toList());
    System.out.printf(
        "%s, guard %d: %d swaps, pause median %.2f ms, p99 %.2f ms, longest %.2f ms%n",
        what,
        guarded,
        pauses.length,
        pauses[pauses.length / 2],
        pauses[pauses.length * 99 / 100],
        pauses[pauses.length - 1]);
    assertTrue(pauses[pauses.length / 2] < LIMIT_MS, "median " + pauses[pauses.length / 2] + " ms");
  }

  private static SwapRequest request(String what, int step) {
    return what.equals("same")
        ? SwapRequest.to(FreshPlugins.of(MoeFactory.class, "1." + step))
        : SwapRequest.configure(
                ConfigFactory.parseString("hidden = " + (step % 2 == 0 ? 192 : 128)),
                "blocks.*.ffn")
            .vanished(SwapRequest.UnexpectedKeys.DROP);
  }
}
