package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.trainer.run.Experiment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;

/** Says what an argument was meant for that a command does not know, but other programs do. */
final class Hints {
  private static final String LEARNING_RATE = "optimizer.learning-rate";
  private static final String SEQUENCE_LENGTH = "data.sequence-length";
  private static final String STEPS = "trainer.steps";
  private static final String BATCH_SIZE = "trainer.batch-size";
  private static final String RUN_DIR = "--run-dir";
  private static final String MAX_TOKENS = "--max-tokens";

  /** Names that others give what we have, an option of a command or of the configuration. */
  private static final Map<String, String> ALIASES =
      Map.ofEntries(
          Map.entry("lr", LEARNING_RATE),
          Map.entry("rate", LEARNING_RATE),
          Map.entry("warmup", "optimizer.warmup-steps"),
          Map.entry("lr-scheduler-type", "optimizer.schedule"),
          Map.entry("scheduler", "optimizer.schedule"),
          Map.entry("optimizer", "optimizer.type"),
          Map.entry("optim", "optimizer.type"),
          Map.entry("max-grad-norm", "optimizer.clip"),
          Map.entry("grad-clip", "optimizer.clip"),
          Map.entry("wd", "optimizer.weight-decay"),
          Map.entry("weight-decay", "optimizer.weight-decay"),
          Map.entry("b", BATCH_SIZE),
          Map.entry("batch", BATCH_SIZE),
          Map.entry("bs", BATCH_SIZE),
          Map.entry("per-device-train-batch-size", BATCH_SIZE),
          Map.entry("gradient-accumulation-steps", "trainer.accumulate"),
          Map.entry("grad-accum", "trainer.accumulate"),
          Map.entry("dtype", "trainer.precision"),
          Map.entry("bf16", "trainer.precision"),
          Map.entry("seed", "trainer.seed"),
          Map.entry("max-steps", STEPS),
          Map.entry("num-steps", STEPS),
          Map.entry("iters", STEPS),
          Map.entry("max-iters", STEPS),
          Map.entry("iterations", STEPS),
          Map.entry("epochs", STEPS),
          Map.entry("num-epochs", STEPS),
          Map.entry("num-train-epochs", STEPS),
          Map.entry("eval-every", "trainer.evaluation.every"),
          Map.entry("eval-steps", "trainer.evaluation.every"),
          Map.entry("save-every", "trainer.checkpoint.every"),
          Map.entry("save-steps", "trainer.checkpoint.every"),
          Map.entry("logging-steps", "trainer.log-every"),
          Map.entry("data", "data.files"),
          Map.entry("dataset", "data.files"),
          Map.entry("files", "data.files"),
          Map.entry("train-file", "data.files"),
          Map.entry("seq-len", SEQUENCE_LENGTH),
          Map.entry("block-size", SEQUENCE_LENGTH),
          Map.entry("context-length", SEQUENCE_LENGTH),
          Map.entry("max-length", SEQUENCE_LENGTH),
          Map.entry("layers", "model.depth"),
          Map.entry("num-layers", "model.depth"),
          Map.entry("n-layer", "model.depth"),
          Map.entry("dim", "model.width"),
          Map.entry("d-model", "model.width"),
          Map.entry("hidden-size", "model.width"),
          Map.entry("o", RUN_DIR),
          Map.entry("out", RUN_DIR),
          Map.entry("output", RUN_DIR),
          Map.entry("output-dir", RUN_DIR),
          Map.entry("out-dir", RUN_DIR),
          Map.entry("max-new-tokens", MAX_TOKENS),
          Map.entry("length", MAX_TOKENS),
          Map.entry("config", "CONF, without a name before it"));

  private Hints() {}

  /**
   * Says what was meant.
   *
   * @param unknown the argument that the command does not know, as it was written
   * @param arguments all that was written, of which the next may be its value
   * @return such as {@code --set trainer.steps=100}
   */
  static Optional<String> of(CommandSpec command, String unknown, List<String> arguments) {
    int equals = unknown.indexOf('=');
    String written = equals < 0 ? unknown : unknown.substring(0, equals);
    boolean option = written.startsWith("-");
    if (!option && equals < 0) {
      return Optional.empty();
    }
    String name = written.replaceFirst("^--?", "").replace('_', '-');
    return target(name)
        .filter(target -> has(command, target))
        .map(
            target ->
                words(
                    target, equals < 0 ? next(arguments, unknown) : unknown.substring(equals + 1)));
  }

  private static Optional<String> target(String name) {
    List<String> paths = paths();
    return paths.contains(name)
        ? Optional.of(name)
        : Optional.ofNullable(ALIASES.get(name))
            .or(() -> paths.stream().filter(path -> path.endsWith("." + name)).findFirst());
  }

  /** Every option of a configuration that stands at one place. */
  private static List<String> paths() {
    List<String> paths = new ArrayList<>();
    for (OptionGroup group : Experiment.documentation()) {
      if (!group.path().startsWith("model.")) { // blocks and paths are lists, or many
        group.options().forEach(each -> paths.add(group.path() + "." + each.name()));
      }
    }
    paths.add("data.files");
    return paths;
  }

  private static boolean has(CommandSpec command, String target) {
    if (target.startsWith("--")) {
      return command.findOption(target) != null;
    }
    boolean takesConfiguration = command.findOption("--set") != null;
    return target.startsWith("CONF")
        ? takesConfiguration && !command.positionalParameters().isEmpty()
        : takesConfiguration;
  }

  private static String words(String target, String value) {
    if (target.startsWith("-")) {
      return target + " " + Messages.argument(value);
    }
    return target.startsWith("CONF") ? target : "--set " + Messages.argument(target + "=" + value);
  }

  private static String next(List<String> arguments, String unknown) {
    int at = arguments.indexOf(unknown) + 1;
    return at > 0 && at < arguments.size() && !arguments.get(at).startsWith("-")
        ? arguments.get(at)
        : "VALUE";
  }
}
