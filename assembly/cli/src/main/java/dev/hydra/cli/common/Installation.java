package dev.hydra.cli.common;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.Names;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Finds files of the user and of the installation. */
public final class Installation {
  private static final String ENDING = ".conf";
  private static final Set<String> FILE_KEYS =
      Set.of("file", "files", "validation-files", "template");

  private Installation() {}

  /** Returns the folder of the installation; empty where the launcher was not used. */
  public static Optional<Path> home() {
    return Optional.ofNullable(System.getProperty("hydra.home")).map(Path::of);
  }

  /** Returns the folders of the plugins that were loaded at the start. */
  public static List<Path> pluginFolders() {
    List<Path> folders = new ArrayList<>();
    home().ifPresent(home -> folders.add(home.resolve("plugins")));
    Optional.ofNullable(System.getProperty("hydra.plugins.extra"))
        .ifPresent(extra -> folders.add(Path.of(extra)));
    return folders;
  }

  /**
   * Finds a configuration: a file as named, or one of the installation, with or without its ending.
   */
  public static Path findConfig(String name) {
    if (name.isEmpty()) {
      throw new UsageException("the name of the configuration is empty");
    }
    List<Path> tried = new ArrayList<>();
    tried.add(Path.of(name));
    home().ifPresent(home -> tried.add(home.resolve("configs").resolve(name)));
    for (Path base : List.copyOf(tried)) {
      tried.add(base.resolveSibling(base.getFileName() + ENDING));
    }
    return tried.stream()
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "there is no configuration "
                        + name
                        + Names.nearest(name, configs())
                            .map(near -> "; did you mean " + near + "? Looked for ")
                            .orElse("; looked for ")
                        + String.join(", ", tried.stream().map(Path::toString).toList())));
  }

  /** Lists the names of the configurations that come with the installation. */
  public static List<String> configs() {
    Path configs = home().map(home -> home.resolve("configs")).orElse(null);
    if (configs == null || !Files.isDirectory(configs)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(configs)) {
      return files
          .map(file -> configs.relativize(file).toString())
          .filter(file -> file.endsWith(ENDING))
          .map(file -> file.substring(0, file.length() - ENDING.length()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the folders in which relative data files are looked for. */
  public static List<Path> dataRoots() {
    List<Path> roots = new ArrayList<>();
    roots.add(Path.of("").toAbsolutePath());
    home().ifPresent(home -> roots.add(home.resolve("data")));
    return roots;
  }

  /**
   * Returns the configuration with data files that lie beside it, or in the working directory,
   * named by absolute path, so that a run folder can be used from anywhere. Those of the
   * installation keep their names.
   */
  public static Config withAbsoluteData(Config config, Path file) {
    if (!config.hasPath("data")) {
      return config;
    }
    Path beside = file.toAbsolutePath().getParent();
    return config.withValue("data", absolute(config.getValue("data"), "", beside));
  }

  /** A value of the configuration with the files in it, which stand under names such as files. */
  private static ConfigValue absolute(ConfigValue value, String key, @Nullable Path beside) {
    if (value instanceof ConfigObject object) {
      ConfigObject changed = object;
      for (Map.Entry<String, ConfigValue> each : object.entrySet()) {
        changed =
            changed.withValue(each.getKey(), absolute(each.getValue(), each.getKey(), beside));
      }
      return changed;
    }
    if (value instanceof ConfigList list) {
      List<ConfigValue> changed = new ArrayList<>();
      list.forEach(each -> changed.add(absolute(each, key, beside)));
      return ConfigValueFactory.fromIterable(changed).withOrigin(value.origin());
    }
    if (!FILE_KEYS.contains(key) || !(value.unwrapped() instanceof String name)) {
      return value;
    }
    // What is said on the command line is meant from where it is said.
    boolean here = value.origin().description().startsWith("--set");
    List<Path> folders = new ArrayList<>();
    folders.add(Path.of("").toAbsolutePath());
    if (beside != null) {
      folders.add(here ? 1 : 0, beside);
    }
    return ConfigValueFactory.fromAnyRef(absolute(name, folders)).withOrigin(value.origin());
  }

  private static String absolute(String name, List<Path> folders) {
    // Of a pattern the folder before its first wildcard.
    String fixed = name.replaceFirst("(^|/)[^/]*[*?\\[{].*", "");
    return folders.stream()
        .filter(folder -> Files.exists(folder.resolve(fixed)))
        .map(folder -> folder.resolve(name).normalize())
        .findFirst()
        .map(Path::toString)
        .orElse(name);
  }
}
