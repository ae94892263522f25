package dev.hydra.launcher;

import dev.hydra.api.HydraPlugin;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** A running OSGi framework with the plugins of an installation. */
final class Host implements AutoCloseable {
  private static final long STOP_MILLIS = 10_000;

  /**
   * Marks the service that adds plugins to a running process: a {@link Function} from the path of a
   * jar to its started {@link Bundle}; see {@link #add}.
   */
  private static final String INSTALLER = "hydra.installer";

  /**
   * Marks the service that reads all unpacked native libraries and mends them: a {@link Callable}
   * that gives a line for people; see {@link Natives#check}.
   */
  private static final String NATIVES = "hydra.natives";

  private final Framework framework;
  private final Consumer<String> warnings;

  private Host(Framework framework, Consumer<String> warnings) {
    this.framework = framework;
    this.warnings = warnings;
  }

  /**
   * Starts the framework and all plugins. A plugin that cannot start is warned of and skipped.
   *
   * @param home the installation: {@code lib} is the class path, {@code plugins} holds bundles
   * @param extra a further folder of bundles
   * @param natives the native libraries, which are unpacked already
   * @param warnings takes one line for each plugin that is skipped
   */
  static Host start(Path home, Optional<Path> extra, Natives natives, Consumer<String> warnings)
      throws IOException {
    Framework framework =
        ServiceLoader.load(FrameworkFactory.class)
            .findFirst()
            .orElseThrow(
                () -> new StartException("there is no OSGi framework in " + home.resolve("lib")))
            .newFramework(configuration(home));
    try {
      framework.start();
    } catch (BundleException e) {
      throw new StartException("the OSGi framework does not start: " + e.getMessage(), e);
    }
    Host host = new Host(framework, warnings);
    framework.getBundleContext().addBundleListener(new Extender(warnings));
    List<Bundle> bundles = new ArrayList<>(host.installAll(home.resolve("plugins"), true));
    if (extra.isPresent()) {
      bundles.addAll(host.installAll(extra.get(), false));
    }
    bundles.forEach(host::start);
    Function<Path, Bundle> installer = host::add;
    host.offer(Function.class, installer, INSTALLER);
    Callable<String> check = natives::check;
    host.offer(Callable.class, check, NATIVES);
    return host;
  }

  private <S> void offer(Class<S> type, S service, String mark) {
    framework
        .getBundleContext()
        .registerService(type, service, FrameworkUtil.asDictionary(Map.of(mark, true)));
  }

  private static Map<String, String> configuration(Path home) throws IOException {
    return Map.of(
        // Fresh in every process: Felix lets two processes share one silently, and a warm one is
        // not faster.
        Constants.FRAMEWORK_STORAGE,
        TemporaryFolder.create().toString(),
        Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
        SystemPackages.of(home.resolve("lib")),
        Constants.FRAMEWORK_SYSTEMCAPABILITIES_EXTRA,
        "osgi.extender;osgi.extender=" + HydraPlugin.EXTENDER + ";version:Version=\"1.0.0\"",
        // Two versions of a plugin live side by side while they are swapped.
        Constants.FRAMEWORK_BSNVERSION,
        Constants.FRAMEWORK_BSNVERSION_MULTIPLE,
        "felix.service.urlhandlers",
        "false",
        // What goes wrong with a plugin is reported here, in one line.
        "felix.log.level",
        "0");
  }

  /**
   * Installs all jars of a folder, in the order of their names.
   *
   * @param inPlace whether the jars stay as they are while this process runs; others are copied
   */
  private List<Bundle> installAll(Path folder, boolean inPlace) throws IOException {
    List<Path> jars = new ArrayList<>();
    try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder, "*.jar")) {
      paths.forEach(jars::add);
    }
    jars.sort(Comparator.naturalOrder());
    List<Bundle> bundles = new ArrayList<>();
    for (Path jar : jars) {
      install(jar, inPlace).ifPresent(bundles::add);
    }
    return bundles;
  }

  private Optional<Bundle> install(Path jar, boolean inPlace) {
    return install(jar, inPlace ? Problem.REFERENCE + jar.toUri() : jar.toString(), inPlace);
  }

  /**
   * Installs and starts one more plugin, a copy of the jar beside all others: an older version of
   * it stays as it is.
   *
   * @throws UncheckedIOException saying why it cannot be used; then it is not installed
   */
  private Bundle add(Path jar) {
    List<String> problems = new ArrayList<>();
    Host strict = new Host(framework, problems::add);
    Optional<Bundle> bundle;
    try {
      bundle = strict.install(jar, jar + Problem.HASH + sha256(jar), false);
    } catch (IOException e) {
      throw new UncheckedIOException("plugin " + jar + " cannot be read: " + e, e);
    }
    bundle.ifPresent(strict::start);
    if (problems.isEmpty()) {
      return bundle.orElseThrow();
    }
    try {
      if (bundle.isPresent()) {
        bundle.get().uninstall();
      }
    } catch (BundleException e) {
      problems.add(Problem.rootCause(e));
    }
    throw new UncheckedIOException(new IOException(String.join("; ", problems)));
  }

  private static String sha256(Path file) throws IOException {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  private Optional<Bundle> install(Path jar, String location, boolean inPlace) {
    try {
      Bundle bundle = inPlace ? reference(location) : copy(jar, location);
      if (bundle.getSymbolicName() != null) {
        return Optional.of(bundle);
      }
      bundle.uninstall();
      warnings.accept(Problem.skipped(location, "it is not an OSGi bundle"));
    } catch (BundleException | IOException e) {
      warnings.accept(Problem.skipped(location, "it cannot be read: " + Problem.rootCause(e)));
    }
    return Optional.empty();
  }

  private Bundle reference(String location) throws BundleException {
    return framework.getBundleContext().installBundle(location);
  }

  private Bundle copy(Path jar, String location) throws BundleException, IOException {
    try (InputStream in = Files.newInputStream(jar)) {
      return framework.getBundleContext().installBundle(location, in);
    }
  }

  private void start(Bundle bundle) {
    try {
      bundle.start();
    } catch (BundleException e) {
      String missing = new Requirements(bundle, framework.getBundleContext()).missing();
      warnings.accept(
          missing.isEmpty()
              ? Problem.skipped(bundle, e)
              : Problem.skipped(bundle.getLocation(), missing));
    }
  }

  /**
   * The command line: a service that a plugin offers as {@link ToIntFunction} from arguments to
   * exit code with the property {@code hydra.main=true}; of several the one ranked highest.
   */
  ToIntFunction<String[]> commandLine() {
    BundleContext context = framework.getBundleContext();
    return mains(context).stream()
        .max(Comparator.naturalOrder())
        .map(context::getService)
        .orElseThrow(() -> new StartException("no plugin offers a command line"));
  }

  @SuppressWarnings({"unchecked", "rawtypes"}) // the property stands for the type argument
  private static Collection<ServiceReference<ToIntFunction<String[]>>> mains(
      BundleContext context) {
    try {
      return (Collection) context.getServiceReferences(ToIntFunction.class, "(hydra.main=true)");
    } catch (InvalidSyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    try {
      framework.stop();
      framework.waitForStop(STOP_MILLIS);
    } catch (BundleException e) {
      warnings.accept("the OSGi framework does not stop: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
