package dev.hydra.api;

import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Identifies one version of a plugin. As text, in journals, checkpoints and messages, it is {@code
 * name version}, and {@code name version+hash} where its jar was added to an installation later:
 * there may be several jars of one version.
 *
 * @param name the bundle's symbolic name, or the module's
 * @param version the version that the bundle or module gives itself
 * @param hash the first {@value #HASH_DIGITS} digits of the SHA-256 of a jar that was added later
 */
public record PluginId(String name, String version, Optional<String> hash)
    implements Comparable<PluginId> {
  private static final int HASH_DIGITS = 12;
  private static final Pattern DIGITS = Pattern.compile("[0-9a-f]{" + HASH_DIGITS + ",64}");
  private static final Pattern TEXT =
      Pattern.compile("(?<name>\\S+) (?<version>.*?)(\\+(?<hash>[0-9a-f]{" + HASH_DIGITS + "}))?");
  private static final Comparator<PluginId> AS_TEXT = Comparator.comparing(PluginId::toString);

  /**
   * Shortens the hash to the digits that identify it.
   *
   * @throws IllegalArgumentException if there is no name or version, or what is given as hash is
   *     not one
   */
  public PluginId {
    if (name.isEmpty() || name.chars().anyMatch(Character::isWhitespace)) {
      throw new IllegalArgumentException(
          "\"" + name + "\" is not the name of a plugin: it must not be empty or have spaces");
    }
    if (version.isBlank()) {
      throw new IllegalArgumentException("plugin " + name + " lacks a version");
    }
    hash.filter(digits -> !DIGITS.matcher(digits).matches())
        .ifPresent(
            digits -> {
              throw new IllegalArgumentException(
                  "\"" + digits + "\" is not the SHA-256 of plugin " + name + " in hexadecimal");
            });
    hash = hash.map(digits -> digits.substring(0, HASH_DIGITS));
  }

  /** Identifies a plugin of an installation, class path or module path. */
  public static PluginId of(String name, String version) {
    return new PluginId(name, version, Optional.empty());
  }

  /**
   * Reads the text form.
   *
   * @throws IllegalArgumentException if it is not {@code name version} or {@code name version+hash}
   */
  public static PluginId parse(String text) {
    Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches() || matcher.group("version").isBlank()) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\" does not identify a plugin; expected \"name version\" or \"name version+\" and "
              + HASH_DIGITS
              + " hexadecimal digits");
    }
    return new PluginId(
        matcher.group("name"),
        matcher.group("version"),
        Optional.ofNullable(matcher.group("hash")));
  }

  /**
   * Identifies a jar of the same name and version that was added later.
   *
   * @param sha256 the hash of the jar, 64 hexadecimal digits
   */
  public PluginId withHash(String sha256) {
    return new PluginId(name, version, Optional.of(sha256));
  }

  /** Says whether this is a jar that was added to an installation later. */
  public boolean addedLater() {
    return hash.isPresent();
  }

  /**
   * Says whether this is a jar that was added later and has this content.
   *
   * @param sha256 the hash of the content, 64 hexadecimal digits
   */
  public boolean hasContent(String sha256) {
    return hash.filter(sha256::startsWith).isPresent();
  }

  /** Says whether both are one plugin, whatever their versions. */
  public boolean samePlugin(PluginId other) {
    return name.equals(other.name);
  }

  /** Writes the version with what tells jars of it apart: {@code version+hash}, if added later. */
  public String fullVersion() {
    return hash.map(digits -> version + "+" + digits).orElse(version);
  }

  /** Orders by text. */
  @Override
  public int compareTo(PluginId other) {
    return AS_TEXT.compare(this, other);
  }

  /** Writes the text form, which {@link #parse} reads. */
  @Override
  public String toString() {
    return name + " " + fullVersion();
  }
}
