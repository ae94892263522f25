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
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Refuses an include that finds no file: HOCON itself leaves it out in silence, and what it should
 * have brought is then missed elsewhere. Refuses includes that are not files: a configuration must
 * not reach for the network.
 *
 * @param finder what finds included files; the parser says it before the first include
 */
record RequiredIncludes(Optional<ConfigIncluder> finder)
    implements ConfigIncluder, ConfigIncluderFile, ConfigIncluderURL, ConfigIncluderClasspath {
  /** Creates an includer that does not know its finder yet. */
  RequiredIncludes() {
    this(Optional.empty());
  }

  @Override
  public ConfigIncluder withFallback(ConfigIncluder fallback) {
    return new RequiredIncludes(Optional.of(fallback));
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
        () -> finder.orElseThrow().include(strict, what));
  }

  @Override
  public ConfigObject includeFile(ConfigIncludeContext context, File what) {
    return found(
        what.toString(),
        "cannot be read",
        () -> ConfigFactory.parseFile(what, context.parseOptions().setAllowMissing(false)).root());
  }

  @Override
  public ConfigObject includeURL(ConfigIncludeContext context, URL what) {
    throw onlyFiles(what.toString());
  }

  @Override
  public ConfigObject includeResources(ConfigIncludeContext context, String what) {
    throw onlyFiles(what);
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
