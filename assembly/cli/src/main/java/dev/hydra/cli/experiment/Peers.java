package dev.hydra.cli.experiment;

import dev.hydra.bench.Throughput;
import dev.hydra.bench.ThroughputRow;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Figures that others measured, on the same machine one hopes. */
public final class Peers {
  private static final String NOT_PEERS =
      " is not a JSON list of objects { name, pass, tokens, tokens_per_second }, where pass is"
          + " forward or train";

  private Peers() {}

  /**
   * Reads a list of objects with name, pass, tokens, tokens_per_second and, if known, peak_bytes.
   *
   * @throws IOException if it cannot be read, or is something else
   */
  public static List<ThroughputRow> read(Path file) throws IOException {
    @Nullable Object content;
    try {
      content = JsonText.parse(Files.readAllBytes(file));
    } catch (NotJsonException e) {
      throw new IOException(file + " is " + e.getMessage(), e);
    }
    if (!(content instanceof List<?> list)) {
      throw new IOException(file + NOT_PEERS);
    }
    List<ThroughputRow> rows = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      try {
        rows.add(row(list.get(i)));
      } catch (IllegalArgumentException e) {
        throw new IOException(file + NOT_PEERS + " (element " + i + ": " + e.getMessage() + ")", e);
      }
    }
    return rows;
  }

  private static ThroughputRow row(@Nullable Object each) {
    if (!(each instanceof Map<?, ?> row)) {
      throw new IllegalArgumentException("it is no object");
    }
    if (!(row.get("name") instanceof String name)) {
      throw new IllegalArgumentException("name is " + row.get("name"));
    }
    return new ThroughputRow(
        name,
        pass(String.valueOf(row.get("pass"))),
        number(row, "tokens").intValue(),
        number(row, "tokens_per_second").doubleValue(),
        row.containsKey("peak_bytes")
            ? OptionalLong.of(number(row, "peak_bytes").longValue())
            : OptionalLong.empty());
  }

  private static Throughput.Pass pass(String name) {
    for (Throughput.Pass pass : Throughput.Pass.values()) {
      if (pass.name().toLowerCase(Locale.ROOT).equals(name)) {
        return pass;
      }
    }
    throw new IllegalArgumentException("pass is " + name);
  }

  private static Number number(Map<?, ?> row, String key) {
    if (row.get(key) instanceof Number number) {
      return number;
    }
    throw new IllegalArgumentException(key + " is " + row.get(key));
  }
}
