package dev.hydra.launcher;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.PluginId;
import dev.hydra.api.host.CommandLine;
import dev.hydra.api.host.NativeLibraries;
import dev.hydra.api.host.PluginInstaller;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** A running OSGi framework with the plugins of an installation. */
final class Host implements AutoCloseable {
  private static final long STOP_MILLIS = 10_000;

  private final Framework framework;
  private final TemporaryFolder storage;
  private final Consumer<String> warnings;

  private Host(Framework framework, TemporaryFolder storage, Consumer<String> warnings) {
    this.framework = framework;
    this.storage = storage;
    this.warnings = warnings;
  }

  /**
   * Starts the framework and all plugins. A plugin that cannot start is warned of and skipped.
   *
   * @param home the installation: {@code lib} is the class path, {@code plugins} holds bundles
   * @param extra a further folder of bundles
   * @param natives the native libraries, which are unpacked already
   * @param warnings takes one line for each plugin that is skipped
   * @throws TemporaryFolder.EndedException if a signal ends the process meanwhile
   */
  static Host start(Path home, Optional<Path> extra, Natives natives, Consumer<String> warnings)
      throws IOException {
    extra.ifPresent(Host::checkFolder);
    TemporaryFolder storage = TemporaryFolder.create();
    Framework framework =
        ServiceLoader.load(FrameworkFactory.class)
            .findFirst()
            .orElseThrow(
                () -> new StartException("there is no OSGi framework in " + home.resolve("lib")))
            .newFramework(configuration(home, storage));
    try {
      storage.write(
          () -> {
            framework.start();
            return framework;
          });
    } catch (BundleException e) {
      throw new StartException("the OSGi framework does not start: " + e.getMessage(), e);
    }
    Host host = new Host(framework, storage, warnings);
    framework.getBundleContext().addBundleListener(new Extender(warnings));
    List<Bundle> bundles = new ArrayList<>(host.installAll(home.resolve("plugins"), true));
    if (extra.isPresent()) {
      bundles.addAll(host.installAll(extra.get(), false));
    }
    bundles.forEach(host::start);
    framework.getBundleContext().registerService(PluginInstaller.class, host::add, null);
    framework.getBundleContext().registerService(NativeLibraries.class, natives::check, null);
    return host;
  }

  private static void checkFolder(Path extra) {
    if (!Files.isDirectory(extra)) {
      throw new StartException(
          "HYDRA_PLUGINS must name a folder with plugins, but "
              + extra
              + (Files.exists(extra)
                  ? " is a file; name the folder that it is in"
                  : " is not there; make it, or unset HYDRA_PLUGINS"));
    }
  }

  private static Map<String, String> configuration(Path home, TemporaryFolder storage)
      throws IOException {
    return Map.of(
        // Fresh in every process: Felix lets two processes share one silently, and a warm one is
        // not faster.
        Constants.FRAMEWORK_STORAGE,
        storage.path().toString(),
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

  /** Installs and starts one more plugin, as {@link PluginInstaller#install} says. */
  private PluginId add(Path jar, String sha256) throws IOException {
    List<String> problems = new ArrayList<>();
    Host strict = new Host(framework, storage, problems::add);
    Optional<Bundle> bundle;
    try {
      bundle = strict.install(jar, jar + Problem.HASH + sha256, false);
    } catch (TemporaryFolder.EndedException e) {
      throw new IOException(e.getMessage(), e);
    }
    bundle.ifPresent(strict::start);
    if (problems.isEmpty()) {
      Bundle added = bundle.orElseThrow();
      return PluginId.of(added.getSymbolicName(), added.getVersion().toString()).withHash(sha256);
    }
    try {
      if (bundle.isPresent()) {
        bundle.get().uninstall();
      }
    } catch (BundleException e) {
      problems.add(Problem.rootCause(e));
    }
    throw new IOException(String.join("; ", problems));
  }

  private Optional<Bundle> install(Path jar, String location, boolean inPlace) {
    try {
      Bundle bundle = storage.write(() -> inPlace ? reference(location) : copy(jar, location));
      if (bundle.getSymbolicName() != null) {
        return Optional.of(bundle);
      }
      bundle.uninstall();
      warnings.accept(
          Problem.skipped(
              location,
              "it is not an OSGi bundle, as plugins are: its manifest has no Bundle-SymbolicName; see"
                  + " hydra plugins new"));
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

  /** Finds the command line that plugins offer; of several the one ranked highest. */
  CommandLine commandLine() {
    BundleContext context = framework.getBundleContext();
    return Optional.ofNullable(context.getServiceReference(CommandLine.class))
        .map(context::getService)
        .orElseThrow(() -> new StartException("no plugin offers a command line"));
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
