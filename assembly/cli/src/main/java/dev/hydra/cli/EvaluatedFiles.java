package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.cli.common.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Puts files that a command is given in the place of the text that a configuration scores on. */
final class EvaluatedFiles {
  private EvaluatedFiles() {}

  /**
   * Returns the configuration with a validation set for each file, called as it was given, and
   * nothing held out of the training text; the configuration itself if no file is given.
   */
  static Config in(Config config, List<Path> files) {
    if (files.isEmpty()) {
      return config;
    }
    Map<String, Object> sets = new LinkedHashMap<>();
    for (Path file : files) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException("there is no file " + file);
      }
      sets.put(
          file.toString(),
          Map.of("source", "text", "files", List.of(file.toAbsolutePath().toString())));
    }
    return config
        .withoutPath("data.validation")
        .withValue("data.validation-fraction", ConfigValueFactory.fromAnyRef(0))
        .withValue("data.validation", ConfigValueFactory.fromMap(sets, "the command line"));
  }
}
