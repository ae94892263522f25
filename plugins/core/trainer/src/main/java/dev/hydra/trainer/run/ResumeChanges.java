package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Messages;
import dev.hydra.composer.config.ConfigChange;
import dev.hydra.composer.config.ConfigFiles;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Finds what is not as it was in the checkpoint that a run goes on from, in words for users.
 *
 * @param folder the folder of the run
 * @param before the configuration of the checkpoint
 * @param state what else it says of the run
 * @param here the configuration that the run goes on with
 */
record ResumeChanges(RunFolder folder, Config before, TrainerState state, Config here) {
  private static final String MODEL = "model";
  private static final String DATA = "data";

  /** What may lie elsewhere; whether its content is the same is told by fingerprints of tokens. */
  private static final Pattern FILES =
      Pattern.compile(
          "data\\.(tokenizer\\.file|(sources\\[\\d+]\\.|(validation)\\..+\\.)?(files(\\[\\d+])?|template))");

  /** Less is rounding. */
  private static final double RATE_TOLERANCE = 1e-6;

  private static final MathContext RATE_DIGITS = new MathContext(7);

  /** Finds changes since a checkpoint. */
  static ResumeChanges since(
      Checkpoint checkpoint, TrainerState state, RunFolder folder, Config here) {
    return new ResumeChanges(folder, checkpoint.config(), state, here);
  }

  /** All but what plugins and precision are; nothing if all is the same. */
  List<String> all(TrainerState now, int steps) {
    List<String> changes = new ArrayList<>(inTexts(now));
    changes.addAll(inData());
    inModel().ifPresent(changes::add);
    edited().ifPresent(changes::add);
    inSteps(steps, now.nextRate().orElseThrow()).ifPresent(changes::add);
    return changes;
  }

  private List<String> inTexts(TrainerState now) {
    List<String> changes = new ArrayList<>();
    if (state.text().isPresent() && !state.text().equals(now.text())) {
      changes.add(
          "the text has changed since the checkpoint: windows are others now, and text that was"
              + " held out may be trained on. Restore the text, or train in a new --run-dir");
    }
    now.scored()
        .forEach(
            (name, text) -> {
              if (!state.scored().getOrDefault(name, text).equals(text)) {
                changes.add(
                    "the text of data.validation."
                        + name
                        + " has changed since the checkpoint: its scores are not comparable with"
                        + " those before. Restore the text, or give the new one another name");
              }
            });
    return changes;
  }

  private List<String> inData() {
    List<String> changes = new ArrayList<>();
    for (ConfigChange change : ConfigChange.under(DATA, before, here)) {
      if (!isKnownByContent(change.key())) {
        changes.add(
            change.sinceCheckpoint()
                + ": windows and held-out text may be others; leave it as it was, or train in a"
                + " new --run-dir");
      }
    }
    return changes;
  }

  private boolean isKnownByContent(String key) {
    Matcher files = FILES.matcher(key);
    if (!files.matches()) {
      return false;
    }
    return files.group(3) == null ? state.text().isPresent() : !state.scored().isEmpty();
  }

  /** What changed in the model although all parameters fit. */
  private Optional<String> inModel() {
    return Checkpoint.changes(ConfigChange.under(MODEL, before, here))
        .map(changes -> changes + ": the model computes something else with the same parameters");
  }

  /** That the configuration in the run folder was edited, and is not what the run goes on with. */
  private Optional<String> edited() {
    Path file = folder.config();
    if (!Files.exists(file) || written(file)) {
      return Optional.empty();
    }
    Config edited;
    try {
      edited = ConfigFiles.load(file, List.of());
    } catch (ConfigException e) {
      return Optional.of(file + " is not used, as the checkpoint has its own: " + e.getMessage());
    }
    List<String> keys =
        ConfigChange.between(before, edited).stream().map(ConfigChange::key).toList();
    String unused =
        ConfigChange.between(edited, here).stream()
            .filter(change -> keys.contains(change.key()))
            .map(change -> change.key() + " is " + change.before() + " there, " + change.now())
            .collect(Collectors.joining(" here; "));
    return unused.isEmpty()
        ? Optional.empty()
        : Optional.of(
            String.format(
                "%s was changed, but the run goes on with the checkpoint's own configuration:"
                    + " %s here. To use it: hydra train %s --resume --run-dir %s",
                file, unused, Messages.argument(file), Messages.argument(folder.path())));
  }

  /**
   * Says whether the run itself has written the file, with this checkpoint or with one before: a
   * process may be killed between a checkpoint and the file, and a stage changes what is in it.
   */
  private boolean written(Path file) {
    try {
      for (Checkpoint each : folder.checkpoints()) {
        if (Files.mismatch(file, each.file(Checkpoint.CONFIG)) < 0) {
          return true;
        }
      }
      return false;
    } catch (IOException e) { // of a damaged one: then it is compared by its values
      return false;
    }
  }

  /**
   * Refuses to go back.
   *
   * @throws ConfigException if more steps are done than the run is to have
   */
  void refuseFewer(int steps) {
    if (state.step() > steps) {
      throw new ConfigException(
          String.format(
              "trainer.steps is %d, but %s: a run cannot go back. To leave it:"
                  + " nothing needs to be done; to go on: --set trainer.steps=N",
              steps, done(state.step())));
    }
  }

  private static String done(long steps) {
    return Messages.count(steps, "step") + (steps == 1 ? " is done" : " are done");
  }

  /** That no step is left, or that the learning rate of the next one is not what was planned. */
  private Optional<String> inSteps(int steps, double nextRate) {
    if (state.step() == steps) {
      return Optional.of(
          (steps == 1 ? "the only step is done" : "all " + done(steps))
              + ": there is nothing left to train; for more: --set trainer.steps=N");
    }
    return state
        .nextRate()
        .filter(planned -> Math.abs(nextRate - planned) > RATE_TOLERANCE * planned)
        .map(
            planned ->
                String.format(
                        Locale.ROOT,
                        "the learning rate goes on with %.3g, where the checkpoint had %.3g:"
                            + " trainer.steps or the optimizer's settings are others",
                        nextRate,
                        planned)
                    + (planned > 0
                        ? ". For no jump: --set optimizer.schedule=constant"
                            + " --set optimizer.learning-rate="
                            + new BigDecimal(planned, RATE_DIGITS).stripTrailingZeros()
                        : ""));
  }
}
