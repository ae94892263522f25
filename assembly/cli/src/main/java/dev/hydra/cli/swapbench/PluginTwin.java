package dev.hydra.cli.swapbench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.osgi.framework.Version;

/**
 * Copies of a plugin with the same code that say they are other versions of it.
 *
 * @param original its jar
 */
record PluginTwin(Path original) {
  private static final Attributes.Name VERSION = new Attributes.Name("Bundle-Version");

  /** Writes one, whose version ends with a number. */
  Path write(Path jar, int number) throws IOException {
    try (JarFile from = new JarFile(original.toFile())) {
      Manifest manifest = new Manifest(from.getManifest());
      Attributes headers = manifest.getMainAttributes();
      Version old = Version.parseVersion(headers.getValue(VERSION));
      headers.put(
          VERSION,
          new Version(old.getMajor(), old.getMinor(), old.getMicro(), "twin-" + number).toString());
      try (JarOutputStream to = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
        for (JarEntry entry : Collections.list(from.entries())) {
          if (!entry.isDirectory() && !entry.getName().equals(JarFile.MANIFEST_NAME)) {
            to.putNextEntry(new JarEntry(entry.getName()));
            from.getInputStream(entry).transferTo(to);
          }
        }
      }
    }
    return jar;
  }
}
