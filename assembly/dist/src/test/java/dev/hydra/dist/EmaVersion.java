package dev.hydra.dist;

import com.example.hydra.ema.EmaFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** The example plugin as other versions of it. */
final class EmaVersion {
  private EmaVersion() {}

  /** The jar that the build has made. */
  static Path built() throws Exception {
    return Path.of(EmaFactory.class.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  /** The same code under another version. */
  static Path write(Path jar, String version) throws Exception {
    return write(jar, version, "Bundle-Copyright", "nobody's");
  }

  /** The same code under another version with another header. */
  static Path write(Path jar, String version, String header, String value) throws Exception {
    try (JarFile from = new JarFile(built().toFile())) {
      Manifest manifest = new Manifest(from.getManifest());
      manifest.getMainAttributes().put(new Attributes.Name("Bundle-Version"), version);
      manifest.getMainAttributes().put(new Attributes.Name(header), value);
      try (JarOutputStream to = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
        for (JarEntry entry : from.stream().toList()) {
          if (!entry.isDirectory() && !entry.getName().equals(JarFile.MANIFEST_NAME)) {
            copy(from, entry, to);
          }
        }
      }
    }
    return jar;
  }

  private static void copy(JarFile from, JarEntry entry, JarOutputStream to) throws IOException {
    to.putNextEntry(new JarEntry(entry.getName()));
    try (var in = from.getInputStream(entry)) {
      in.transferTo(to);
    }
  }
}
