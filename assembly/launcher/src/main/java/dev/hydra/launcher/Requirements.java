package dev.hydra.launcher;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleRequirement;
import org.osgi.framework.wiring.BundleRevision;

/** Finds out what a bundle that does not resolve lacks, in words that the resolver has not. */
final class Requirements {
  private static final Pattern PACKAGE =
      Pattern.compile("\\(" + PackageNamespace.PACKAGE_NAMESPACE + "=([^)]+)\\)");
  private static final Pattern AT_LEAST = Pattern.compile("(?<!!)\\(version>=([^)]+)\\)");
  private static final Pattern BELOW = Pattern.compile("!\\(version>=([^)]+)\\)");

  private final Bundle bundle;
  private final List<BundleRevision> present;

  /** Prepares to compare a bundle with the other ones. */
  Requirements(Bundle bundle, BundleContext context) {
    this.bundle = bundle;
    this.present =
        Arrays.stream(context.getBundles())
            .map(other -> other.adapt(BundleRevision.class))
            .filter(revision -> revision != null)
            .toList();
  }

  /**
   * Returns what the bundle needs and no usable bundle offers; empty if the reason is another one.
   */
  String missing() {
    return bundle.adapt(BundleRevision.class).getDeclaredRequirements(null).stream()
        .filter(need -> !isOptional(need))
        .filter(need -> offers(need.getNamespace()).noneMatch(o -> need.matches(o) && isUsable(o)))
        .map(this::describe)
        .collect(Collectors.joining("; "));
  }

  private static boolean isOptional(BundleRequirement need) {
    return Constants.RESOLUTION_OPTIONAL.equals(
        need.getDirectives().get(Constants.RESOLUTION_DIRECTIVE));
  }

  private Stream<BundleCapability> offers(String namespace) {
    return present.stream().flatMap(r -> r.getDeclaredCapabilities(namespace).stream());
  }

  private boolean isUsable(BundleCapability offer) {
    Bundle owner = offer.getRevision().getBundle();
    return owner.equals(bundle) || owner.getState() != Bundle.INSTALLED;
  }

  private String describe(BundleRequirement need) {
    String filter = need.getDirectives().getOrDefault(Constants.FILTER_DIRECTIVE, "");
    Matcher matcher = PACKAGE.matcher(filter);
    if (!matcher.find()) {
      return "it needs " + need.getNamespace() + " " + filter;
    }
    String name = matcher.group(1);
    List<BundleCapability> exports =
        offers(PackageNamespace.PACKAGE_NAMESPACE)
            .filter(offer -> name.equals(offer.getAttributes().get(offer.getNamespace())))
            .toList();
    return "it needs package " + name + range(filter) + ", " + found(need, exports);
  }

  private static String range(String filter) {
    Matcher atLeast = AT_LEAST.matcher(filter);
    Matcher below = BELOW.matcher(filter);
    return (atLeast.find() ? " from version " + atLeast.group(1) : "")
        + (below.find() ? " and below " + below.group(1) : "");
  }

  private static String nameOf(BundleCapability offer) {
    return offer.getRevision().getBundle().getSymbolicName();
  }

  private static String found(BundleRequirement need, List<BundleCapability> exports) {
    if (exports.isEmpty()) {
      return "which nothing exports";
    }
    return exports.stream()
        .map(
            offer ->
                need.matches(offer)
                    ? "which comes from " + nameOf(offer) + " and that does not start either"
                    : "but there is version " + offer.getAttributes().get("version"))
        .distinct()
        .collect(Collectors.joining(", "));
  }
}
