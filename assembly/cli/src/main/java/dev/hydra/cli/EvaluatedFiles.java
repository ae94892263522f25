package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.chat.ChatTemplateFiles;
import dev.hydra.cli.common.UsageException;
import dev.hydra.trainer.evaluation.Score;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Files that a command is given in the place of the text that a configuration scores on. */
final class EvaluatedFiles {
  @Parameters(
      paramLabel = "FILE",
      arity = "0..*",
      description =
          "Texts to score on, all of each, in the place of the model's own; a folder is one text.")
  private List<Path> files = List.of();

  @Option(
      names = "--source",
      paramLabel = "NAME",
      description =
          "How each FILE is read, as data.source is: text, jsonl, chat, parquet (default: text).")
  private @Nullable String source;

  @Option(
      names = "--field",
      paramLabel = "NAME",
      description = "With --source jsonl, chat or parquet, the field or column that is read.")
  private @Nullable String field;

  /**
   * Returns the configuration with a validation set for each file, called as it was given, and
   * nothing held out of the training text; the configuration itself if no file is given.
   *
   * @param model the folder of the model, whose chat template conversations are written in
   */
  Config in(Config config, Path model) {
    if (files.isEmpty()) {
      if (source != null || field != null) {
        throw new UsageException("--source and --field say how a FILE is read: name one");
      }
      return config;
    }
    if (field != null && source == null) {
      throw new UsageException("--field needs --source, such as --source jsonl");
    }
    Map<String, Object> sets = new LinkedHashMap<>();
    for (Path file : files) {
      if (!Files.exists(file)) {
        throw new UsageException("there is no file " + file);
      }
      sets.put(file.toString(), set(file, model));
    }
    return config
        .withoutPath("data.validation")
        .withValue("data.validation-fraction", ConfigValueFactory.fromAnyRef(0))
        .withValue("data.validation", ConfigValueFactory.fromMap(sets, "the command line"));
  }

  private Map<String, Object> set(Path file, Path model) {
    Map<String, Object> set = new LinkedHashMap<>();
    set.put("source", source == null ? "text" : source);
    set.put("files", List.of(file.toAbsolutePath().toString()));
    if (field != null) {
      set.put("field", field);
    }
    if ("chat".equals(source)) {
      Optional<Path> template = CarriedTokenizer.file(model, ChatTemplateFiles.TEMPLATE);
      template.ifPresent(carried -> set.put("template", carried.toString()));
    }
    return set;
  }

  /** Returns scores in the order in which the files were given. */
  List<Score> inOrder(List<Score> scores) {
    List<String> names = files.stream().map(Path::toString).toList();
    return scores.stream()
        .sorted(Comparator.comparingInt(score -> names.indexOf(score.set())))
        .toList();
  }
}
