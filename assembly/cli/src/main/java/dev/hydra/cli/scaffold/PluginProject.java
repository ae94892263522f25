package dev.hydra.cli.scaffold;

import dev.hydra.api.Names;
import dev.hydra.api.Role;
import dev.hydra.cli.common.UsageException;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Names of a new plugin project, all valid.
 *
 * @param artifact the Maven artifactId, which is also what its folder is called
 * @param role what its component is in a model
 * @param type the name that configurations use
 * @param packageName its Java package, module and OSGi bundle
 */
public record PluginProject(String artifact, Role role, String type, String packageName) {
  private static final Pattern HYPHENATED = Pattern.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*");

  /** Java Language Specification 3.9 and 3.10, with literals and the underscore. */
  private static final Set<String> KEYWORDS =
      Set.of(
          ("_ abstract assert boolean break byte case catch char class const continue default do"
                  + " double else enum extends false final finally float for goto if implements"
                  + " import instanceof int interface long native new null package private"
                  + " protected public return short static strictfp super switch synchronized this"
                  + " throw throws transient true try void volatile while")
              .split(" "));

  /**
   * Completes what is left out: the type is the artifact's name, the package {@code com.example}
   * and that name.
   *
   * @param roleKey the role as configurations name it, such as {@code ffn}
   * @throws UsageException if a name cannot be used
   */
  public static PluginProject of(
      String artifact, String roleKey, Optional<String> type, Optional<String> packageName) {
    checkHyphenated("the name", artifact);
    type.ifPresent(given -> checkHyphenated("--type", given));
    String chosen = packageName.orElseGet(() -> "com.example." + artifact.replace("-", ""));
    checkPackage(chosen);
    return new PluginProject(artifact, role(roleKey), type.orElse(artifact), chosen);
  }

  private static void checkHyphenated(String what, String name) {
    if (!HYPHENATED.matcher(name).matches()) {
      throw new UsageException(
          "%s \"%s\" cannot be used: it must be lower-case words of letters and digits, joined by hyphens, the first beginning with a letter, such as my-mixer"
              .formatted(what, name));
    }
  }

  private static void checkPackage(String name) {
    Optional<String> problem = Optional.empty();
    if (!name.contains(".")) {
      problem = Optional.of("it needs a part for you and a part for the plugin");
    } else if (!Arrays.stream(name.split("\\.", -1)).allMatch(PluginProject::isIdentifier)) {
      problem = Optional.of("it is not a valid package of Java");
    } else if (Stream.of("java.", "javax.", "dev.hydra.").anyMatch((name + ".")::startsWith)) {
      problem = Optional.of("it belongs to somebody else");
    }
    if (problem.isPresent()) {
      throw new UsageException(
          "the package \"%s\" cannot be used: %s; set --package to one such as com.example.mymixer"
              .formatted(name, problem.get()));
    }
  }

  private static Role role(String key) {
    return Arrays.stream(Role.values())
        .filter(each -> each.key().equals(key))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    Names.unknown(
                        "role", key, Arrays.stream(Role.values()).map(Role::key).toList())));
  }

  /** The Maven groupId: the package without its last part. */
  String group() {
    return packageName.substring(0, packageName.lastIndexOf('.'));
  }

  /** The folder of the package below a folder of sources. */
  String path() {
    return packageName.replace('.', '/');
  }

  /** What the names of its classes begin with: {@code my-mixer} gives {@code MyMixer}. */
  String className() {
    return Arrays.stream(type.split("-"))
        .map(word -> Character.toUpperCase(word.charAt(0)) + word.substring(1))
        .collect(Collectors.joining());
  }

  /** Says what its component is, in words. */
  public String roleInWords() {
    return switch (role) {
      case MIXER -> "mixer";
      case FEED_FORWARD -> "feed-forward";
      case MEMORY -> "memory";
      case ROUTER -> "router";
    };
  }

  /** The arguments that make this project, none left out. */
  String command() {
    return "hydra plugins new %s --role %s --type %s --package %s"
        .formatted(artifact, role.key(), type, packageName);
  }

  /**
   * Says whether a package may have a part of this name (Java Language Specification 3.8). The
   * compiler's own check is not in every Java runtime.
   */
  private static boolean isIdentifier(String part) {
    return !part.isEmpty()
        && Character.isJavaIdentifierStart(part.charAt(0))
        && part.chars().allMatch(Character::isJavaIdentifierPart)
        && !KEYWORDS.contains(part);
  }
}
