package dev.hydra.composer;

import com.typesafe.config.ConfigIncludeContext;
import com.typesafe.config.ConfigIncluder;
import com.typesafe.config.ConfigObject;
import dev.hydra.api.ConfigException;
import java.util.Optional;

/**
 * Refuses an include that finds no file. HOCON itself leaves it out in silence, and what it should
 * have brought is then missed elsewhere.
 *
 * @param finder what finds included files; the parser says it before the first include
 */
record RequiredIncludes(Optional<ConfigIncluder> finder) implements ConfigIncluder {
  RequiredIncludes() {
    this(Optional.empty());
  }

  @Override
  public ConfigIncluder withFallback(ConfigIncluder fallback) {
    return new RequiredIncludes(Optional.of(fallback));
  }

  @Override
  public ConfigObject include(ConfigIncludeContext context, String what) {
    try {
      return finder
          .orElseThrow()
          .include(context.setParseOptions(context.parseOptions().setAllowMissing(false)), what);
    } catch (com.typesafe.config.ConfigException.IO e) {
      ConfigException missing =
          new ConfigException(
              "include \"" + what + "\": no such file beside the one that includes it");
      missing.initCause(e);
      throw missing;
    }
  }
}
