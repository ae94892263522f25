package dev.hydra.composer.config;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigIncluderClasspath;
import com.typesafe.config.ConfigIncluderFile;
import com.typesafe.config.ConfigIncluderURL;
import com.typesafe.config.ConfigObject;
import dev.hydra.api.ConfigException;
import java.io.File;
import java.io.FileNotFoundException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Refuses an include that finds no file: HOCON itself leaves it out in silence, and what it should
 * have brought is then missed elsewhere. Refuses includes that are not files: a configuration must
 * not reach for the network. Refuses a file that includes itself, which HOCON follows 50 times.
 *
 * @param finder what finds included files; the parser says it before the first include
 * @param open the files that are being read, the innermost last
 */
record RequiredIncludes(Optional<ConfigIncluder> finder, Deque<Path> open)
    implements ConfigIncluder, ConfigIncluderFile, ConfigIncluderURL, ConfigIncluderClasspath {
  private static final List<String> ENDINGS = List.of("", ".conf", ".json", ".properties");

  /** Creates an includer for a file, which does not know its finder yet. */
  RequiredIncludes(Path file) {
    this(Optional.empty(), new ArrayDeque<>(List.of(file.toAbsolutePath().normalize())));
  }

  @Override
  public ConfigIncluder withFallback(ConfigIncluder fallback) {
    return new RequiredIncludes(Optional.of(fallback), open);
  }

  @Override
  public ConfigObject include(ConfigIncludeContext context, String what) {
    if (what.contains("://")) {
      throw onlyFiles(what);
    }
    ConfigIncludeContext strict =
        context.setParseOptions(context.parseOptions().setAllowMissing(false));
    return found(
        what,
        "cannot be read from beside the file that includes it",
        () -> inside(file(context, what), () -> finder.orElseThrow().include(strict, what)));
  }

  @Override
  public ConfigObject includeFile(ConfigIncludeContext context, File what) {
    return found(
        what.toString(),
        "cannot be read",
        () ->
            inside(
                Optional.of(what.toPath()),
                () ->
                    ConfigFactory.parseFile(what, context.parseOptions().setAllowMissing(false))
                        .root()));
  }

  @Override
  public ConfigObject includeURL(ConfigIncludeContext context, URL what) {
    throw onlyFiles(what.toString());
  }

  @Override
  public ConfigObject includeResources(ConfigIncludeContext context, String what) {
    throw onlyFiles(what);
  }

  /** The file that a name means beside the one that includes it. */
  private static Optional<Path> file(ConfigIncludeContext context, String name) {
    return ENDINGS.stream()
        .map(ending -> context.relativeTo(name + ending))
        .filter(Objects::nonNull)
        .map(found -> found.origin().filename())
        .filter(Objects::nonNull)
        .map(Path::of)
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /** Reads a file of which the parser must not find another one inside. */
  private ConfigObject inside(Optional<Path> file, Supplier<ConfigObject> action) {
    if (file.isEmpty()) {
      return action.get(); // which says that it is not there
    }
    Path path = file.get().toAbsolutePath().normalize();
    if (open.contains(path)) {
      List<Path> cycle =
          new ArrayList<>(open).subList(List.copyOf(open).indexOf(path), open.size());
      throw new ConfigException(
          path
              + " includes itself: "
              + cycle.stream().map(Path::toString).collect(Collectors.joining(" -> "))
              + " -> "
              + path);
    }
    open.addLast(path);
    try {
      return action.get();
    } finally {
      open.removeLast();
    }
  }

  private static ConfigException onlyFiles(String what) {
    return new ConfigException("include \"" + what + "\": only files can be included");
  }

  /**
   * Why a file that is there cannot be read; of one that is not, the parser's words say nothing.
   */
  private static String reason(com.typesafe.config.ConfigException.IO e) {
    Throwable cause = e.getCause();
    return cause instanceof FileNotFoundException denied
            && String.valueOf(denied.getMessage()).contains("denied")
        ? ": it may not be read"
        : ": it is not there";
  }

  private static ConfigObject found(String what, String problem, Supplier<ConfigObject> action) {
    try {
      return action.get();
    } catch (com.typesafe.config.ConfigException.IO e) {
      ConfigException missing =
          new ConfigException("include \"" + what + "\" " + problem + reason(e));
      missing.initCause(e);
      throw missing;
    }
  }
}
