package dev.hydra.trainer.run;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** A file of JSON objects, one a line, to which lines are added. */
final class JsonLines {
  private final Path file;

  /** Names the file, which is made when the first object is added. */
  JsonLines(Path file) {
    this.file = file;
  }

  /** Adds an object; it is in the file when this returns. */
  void add(Map<String, ?> object) throws IOException {
    Files.writeString(
        file,
        JSON.std.asString(object) + "\n",
        StandardCharsets.UTF_8,
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }

  /** Drops the lines that do not hold; also a last line that a crash cut short. */
  void keep(Predicate<Map<String, Object>> condition) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    List<String> kept = new ArrayList<>();
    for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
      Map<String, Object> object;
      try {
        object = JSON.std.mapFrom(line);
      } catch (IOException e) {
        continue; // cut short
      }
      if (condition.test(object)) {
        kept.add(line);
      }
    }
    DurableFiles.write(file, kept.stream().map(line -> line + "\n").collect(Collectors.joining()));
  }
}
