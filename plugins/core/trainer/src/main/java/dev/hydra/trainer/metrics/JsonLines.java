package dev.hydra.trainer.metrics;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.JsonText;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.function.Predicate;

/** A file of JSON objects, one a line, to which lines are added. */
public final class JsonLines {
  private final Path file;

  /** Takes an object. */
  @FunctionalInterface
  public interface Action {
    void accept(Map<String, Object> object) throws IOException;
  }

  /** Names the file, which is made when the first object is added. */
  public JsonLines(Path file) {
    this.file = file;
  }

  /** Adds an object; it is in the file when this returns. */
  public void add(Map<String, ?> object) throws IOException {
    Files.writeString(
        file,
        JSON.std.asString(object) + "\n",
        StandardCharsets.UTF_8,
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  /**
   * Reads the objects in their order; nothing if there is no file. A line that a crash cut short is
   * left out.
   */
  public void forEach(Action action) throws IOException {
    scan((line, object) -> action.accept(object));
  }

  /** Drops the lines that do not hold; also a last line that a crash cut short. */
  public void keep(Predicate<Map<String, Object>> condition) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    Path side = file.resolveSibling(file.getFileName() + ".tmp");
    try (BufferedWriter kept = Files.newBufferedWriter(side, StandardCharsets.UTF_8)) {
      scan(
          (line, object) -> {
            if (condition.test(object)) {
              kept.write(line + "\n");
            }
          });
    }
    DurableFiles.sync(side);
    DurableFiles.replace(side, file);
  }

  @FunctionalInterface
  private interface LineAction {
    void accept(String line, Map<String, Object> object) throws IOException;
  }

  private void scan(LineAction action) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        Map<String, Object> object;
        try {
          object = JsonText.object(line);
        } catch (IOException e) {
          continue; // cut short
        }
        action.accept(line, object);
      }
    }
  }
}
