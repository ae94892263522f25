package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import dev.hydra.data.Corpus;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.zip.CRC32C;

/** Finds what is not as it was in the checkpoint that a run goes on from, in words for users. */
final class ResumeChanges {
  private static final int TOKENS_AT_ONCE = 1 << 14;

  /** Files may lie elsewhere; whether their text is the same is told by its fingerprint. */
  private static final String FILES = "files";

  /** Less is rounding. */
  private static final double RATE_TOLERANCE = 1e-6;

  private ResumeChanges() {}

  /** A short text that another sequence of tokens hardly shares. */
  static String fingerprint(Corpus corpus) {
    CRC32C sum = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES * TOKENS_AT_ONCE);
    for (int i = 0; i < corpus.size(); i++) {
      if (!buffer.hasRemaining()) {
        sum.update(buffer.flip());
        buffer.clear();
      }
      buffer.putInt(corpus.token(i));
    }
    sum.update(buffer.flip());
    return "%d-%08x".formatted(corpus.size(), sum.getValue());
  }

  /** What is other in the data than in the checkpoint; nothing if it is the same. */
  static List<String> inData(TrainerState state, String text, File saved, Config here) {
    List<String> changes = new ArrayList<>();
    if (state.text().filter(old -> !old.equals(text)).isPresent()) {
      changes.add(
          "the text has changed since the checkpoint: windows are others now, and text that was"
              + " held out may be trained on. Restore the text, or train in a new --run-dir");
    }
    Map<String, ConfigValue> before = data(ConfigFactory.parseFile(saved));
    Map<String, ConfigValue> now = data(here);
    TreeSet<String> keys = new TreeSet<>(before.keySet());
    keys.addAll(now.keySet());
    keys.remove(FILES);
    for (String key : keys) {
      if (!text(before, key).equals(text(now, key))) {
        changes.add(
            "data.%s is %s in the checkpoint, %s here: windows and held-out text may be others;"
                    .formatted(key, text(before, key), text(now, key))
                + " leave it as it was, or train in a new --run-dir");
      }
    }
    return changes;
  }

  /** That no step is left, or that the learning rate of the next one is not what was planned. */
  static Optional<String> inSteps(TrainerState state, int steps, double nextRate) {
    if (state.step() >= steps) {
      return Optional.of(
          ("trainer.steps is %d and %d are done: there is nothing left to train;"
                  + " for more: --set trainer.steps=N")
              .formatted(steps, state.step()));
    }
    return state
        .nextRate()
        .filter(planned -> Math.abs(nextRate - planned) > RATE_TOLERANCE * planned)
        .map(
            planned ->
                String.format(
                    Locale.ROOT,
                    "the learning rate goes on with %.3g, where the checkpoint had %.3g:"
                        + " trainer.steps or the optimizer's settings are others. For no jump:"
                        + " --set optimizer.schedule=constant --set optimizer.learning-rate=%.3g",
                    nextRate,
                    planned,
                    planned));
  }

  private static Map<String, ConfigValue> data(Config config) {
    return config.hasPath("data") ? config.getObject("data") : ConfigFactory.empty().root();
  }

  private static String text(Map<String, ConfigValue> values, String key) {
    ConfigValue value = values.get(key);
    return value == null ? "not set" : value.render(ConfigRenderOptions.concise());
  }
}
