package dev.hydra.cli.plugins;

import com.typesafe.config.Config;
import dev.hydra.api.PluginId;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.Sha256;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipException;
import org.osgi.framework.Version;

/**
 * The jars that components of a run were swapped to, in its folder {@code swapped}: they stay there
 * for the checkpoints that need them.
 *
 * @param run the run folder
 * @param trusted which jars may be loaded
 */
public record RunPlugins(Path run, TrustedJars trusted) {
  /**
   * A copy of a jar.
   *
   * @param file where it is
   * @param sha256 the hash of its content
   * @param plugin the plugin that it is
   * @param fresh whether it was not there before
   */
  public record Jar(Path file, String sha256, PluginId plugin, boolean fresh) {
    /** Takes it away again, as nothing uses it. */
    public void forget() throws IOException {
      if (fresh) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** Opens the plugins of a run with a configuration, whose part {@code plugins} counts. */
  public static RunPlugins of(Path run, Config config) {
    return new RunPlugins(run, TrustedJars.read(config));
  }

  /** Returns the options of the part {@code plugins} of a configuration. */
  public static OptionGroup documentation() {
    return TrustedJars.documentation();
  }

  private Path folder() {
    return run.resolve("swapped");
  }

  /**
   * Checks a jar and copies it.
   *
   * @throws IOException saying why it cannot be used
   */
  public Jar take(Path jar) throws IOException {
    if (!Files.isRegularFile(jar)) {
      throw new IOException("there is no file " + jar);
    }
    byte[] content = Files.readAllBytes(jar);
    String hash = Sha256.of(content);
    Files.createDirectories(folder());
    Path side = Files.createTempFile(folder(), ".incoming-", "");
    try {
      Files.write(side, content);
      DurableFiles.sync(side);
      PluginId plugin = check(jar, side, hash);
      Path file = file(plugin);
      boolean fresh = !Files.exists(file);
      DurableFiles.replace(side, file);
      return new Jar(file, hash, plugin, fresh);
    } finally {
      Files.deleteIfExists(side);
    }
  }

  /**
   * Reads every entry of a jar: one that is cut short, damaged or not trusted does not get through.
   *
   * @param named what to call it
   * @return the plugin that it is
   */
  private PluginId check(Path named, Path file, String hash) throws IOException {
    try (JarFile jar = new JarFile(file.toFile())) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        check(jar, entry);
      }
      trusted.check(named, hash, jar);
      Manifest manifest = Optional.ofNullable(jar.getManifest()).orElseGet(Manifest::new);
      String name = header(manifest, "Bundle-SymbolicName").split(";", 2)[0].strip();
      if (!name.matches("[A-Za-z0-9_.-]+")) {
        throw new IOException(named + " is not an OSGi bundle");
      }
      String version = Version.parseVersion(header(manifest, "Bundle-Version")).toString();
      return PluginId.of(name, version).withHash(hash);
    } catch (ZipException | EOFException | SecurityException e) {
      throw new IOException(named + " is not an intact jar: " + e.getMessage(), e);
    }
  }

  private static String header(Manifest manifest, String name) {
    return Optional.ofNullable(manifest.getMainAttributes().getValue(name)).orElse("");
  }

  private static void check(JarFile jar, JarEntry entry) throws IOException {
    try (CheckedInputStream in =
        new CheckedInputStream(jar.getInputStream(entry), new CRC32())) { // JarFile does not check
      in.transferTo(OutputStream.nullOutputStream());
      if (in.getChecksum().getValue() != entry.getCrc()) {
        throw new ZipException(entry.getName() + " is damaged");
      }
    }
  }

  private Path file(PluginId plugin) {
    return folder().resolve(plugin.name() + "-" + plugin.fullVersion() + ".jar");
  }

  /** Returns the jars of another folder that were taken before. */
  public Set<Path> taken(Path other) throws IOException {
    Set<String> hashes = new TreeSet<>();
    for (Path each : jars(folder())) {
      hashes.add(Sha256.of(each));
    }
    Set<Path> taken = new TreeSet<>();
    for (Path each : jars(other)) {
      if (hashes.contains(Sha256.of(each))) {
        taken.add(each);
      }
    }
    return taken;
  }

  /** Lists the jars of a folder, which need not be there. */
  public static List<Path> jars(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (var files = Files.list(folder)) {
      return files.filter(each -> each.toString().endsWith(".jar")).toList();
    }
  }

  /**
   * Installs the jars that the sites of a checkpoint need and that are not here.
   *
   * @param sites the plugin of each site
   * @throws IOException if one is missing, damaged or not trusted
   */
  public void install(Map<SitePath, PluginId> sites, PluginJars plugins) throws IOException {
    for (PluginId plugin : new TreeSet<>(sites.values())) {
      if (!plugin.addedLater() || !plugins.of(plugin).isEmpty()) {
        continue; // of the installation, or here already
      }
      Path file = file(plugin);
      if (!Files.isRegularFile(file)) {
        throw new IOException(
            "the checkpoint needs plugin " + plugin + ", but there is no " + file);
      }
      String hash = Sha256.of(file);
      if (!plugin.hasContent(hash)) {
        throw new IOException(file + " is damaged: its SHA-256 is " + hash);
      }
      PluginId found = check(file, file, hash);
      if (!found.equals(plugin)) {
        throw new IOException(file + " is not " + plugin + " but " + found);
      }
      plugins.add(file);
    }
  }
}
