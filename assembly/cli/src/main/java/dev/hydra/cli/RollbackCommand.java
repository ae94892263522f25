package dev.hydra.cli;

import dev.hydra.cli.swap.ControlClient;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Undoes the last swap. */
@Command(
    name = "rollback",
    description = {
      "Undoes the last swap of a running training, with the parameters and the optimizer's state as"
          + " they were before it. That is possible as long as the swap is guarded:"
          + " trainer.swap.guard-steps. In generate and eval the last swap can be rolled back until the"
          + " next.",
      "Exit code 0: done; 1: refused, and the run goes on as it was."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class RollbackCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ControlClient client;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    SwapCommand.show(spec, client.ask(Map.of("do", "rollback")), json);
    return 0;
  }
}
