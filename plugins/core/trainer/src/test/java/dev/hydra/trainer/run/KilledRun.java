package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.ffn.moe.MoeFactory;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Path;

/** A process that dies when a swap is ready and has not happened. */
final class KilledRun {
  static final int STATUS = 137;
  static final String OVERRIDES = "trainer { steps = 8, checkpoint { every = 1 } }";

  private KilledRun() {}

  /** In a folder with a corpus. */
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Events events = new Events();
    Trainer trainer = Trials.trainer(folder, folder.resolve("run"), OVERRIDES, events);
    trainer.run(
        () -> {
          if (events.steps.size() == 4) {
            if (!Requests.swap(trainer, SwapRequest.to(FreshPlugins.of(MoeFactory.class, "2.0")))
                .isDone()) {
              Runtime.getRuntime().halt(STATUS);
            }
          }
          return false;
        });
  }
}
