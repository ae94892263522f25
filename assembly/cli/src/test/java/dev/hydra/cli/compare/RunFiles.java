package dev.hydra.cli.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Makes run folders with metrics that are easy to calculate with. */
final class RunFiles {
  private RunFiles() {}

  /**
   * Makes a run of steps 10, 20 and so on, of {@code tokens} tokens and one second a step; its bits
   * per byte, scored every 20 steps, are {@code bits} less a hundredth for each step.
   */
  static Path make(Path folder, String config, int steps, int tokens, double bits)
      throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.conf"), config);
    StringBuilder lines = new StringBuilder();
    if (steps > 0) {
      lines.append(
          line(
              "model",
              10,
              "\"parameters\":1500,\"training_flops_per_token\":3000.0,\"device\":\"cpu\""));
    }
    for (int step = 10; step <= steps; step += 10) {
      String position =
          String.format(Locale.ROOT, "\"tokens\":%d,\"seconds\":%d.0", step * tokens, step);
      lines.append(
          line(
              "step",
              step,
              position
                  + ",\"loss\":2.5,\"data_wait\":0.125,\"learning_rate\":0.001,\"gradient_norm\":1.0"
                  + ",\"tokens_per_second\":"
                  + (step == 10 ? 1 : tokens)));
      if (step % 20 == 0) {
        lines.append(
            line(
                "validation",
                step,
                position
                    + String.format(
                        Locale.ROOT,
                        ",\"set\":\"kjv\",\"loss\":2.0,\"bits_per_byte\":%.4f",
                        bits - step / 100.0)));
      }
    }
    Files.writeString(folder.resolve("metrics.jsonl"), lines);
    return folder;
  }

  /** Adds a line to the metrics of a run. */
  static void add(Path folder, String kind, int step, String values) throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    Files.writeString(file, Files.readString(file) + line(kind, step, values));
  }

  private static String line(String kind, int step, String values) {
    return String.format(
        "{\"kind\":\"%s\",\"step\":%d,\"time\":\"2026-01-01T00:00:00Z\",%s}%n", kind, step, values);
  }

  /** Reads and compares. */
  static Comparison compare(Path... folders) throws IOException {
    return Comparison.of(List.of(folders));
  }
}
