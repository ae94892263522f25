package dev.hydra.cli.experiment;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.bench.Throughput;
import dev.hydra.bench.ThroughputRow;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;

/** Figures that others measured, on the same machine one hopes. */
public final class Peers {
  private Peers() {}

  /**
   * Reads a list of objects with name, pass, tokens, tokens_per_second and, if known, peak_bytes.
   *
   * @throws IOException if the file cannot be read, or is something else
   */
  public static List<ThroughputRow> read(Path file) throws IOException {
    try {
      List<ThroughputRow> rows = new ArrayList<>();
      for (Object each : JSON.std.listFrom(Files.readString(file, StandardCharsets.UTF_8))) {
        Map<?, ?> row = (Map<?, ?>) each;
        rows.add(
            new ThroughputRow(
                String.valueOf(row.get("name")),
                Throughput.Pass.valueOf(String.valueOf(row.get("pass")).toUpperCase(Locale.ROOT)),
                number(row, "tokens").intValue(),
                number(row, "tokens_per_second").doubleValue(),
                row.containsKey("peak_bytes")
                    ? OptionalLong.of(number(row, "peak_bytes").longValue())
                    : OptionalLong.empty()));
      }
      return rows;
    } catch (IOException | RuntimeException e) {
      throw new IOException(
          file
              + " is not a JSON list of objects { name, pass, tokens, tokens_per_second }, where"
              + " pass is forward or train ("
              + e.getMessage()
              + ")",
          e);
    }
  }

  private static Number number(Map<?, ?> row, String key) {
    if (row.get(key) instanceof Number number) {
      return number;
    }
    throw new IllegalArgumentException(key + " is " + row.get(key));
  }
}
