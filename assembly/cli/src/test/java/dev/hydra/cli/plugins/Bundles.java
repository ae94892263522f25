package dev.hydra.cli.plugins;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Small OSGi bundles. */
public final class Bundles {
  private Bundles() {}

  /** Writes a bundle with one text in it; without a name it is a jar and no bundle. */
  public static Path write(Path file, String name, String version) throws IOException {
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    if (!name.isEmpty()) {
      attributes.putValue("Bundle-ManifestVersion", "2");
      attributes.putValue("Bundle-SymbolicName", name + ";singleton:=true");
      attributes.putValue("Bundle-Version", version);
    }
    try (OutputStream out = Files.newOutputStream(file);
        JarOutputStream jar = new JarOutputStream(out, manifest)) {
      jar.putNextEntry(new JarEntry("text.txt"));
      jar.write("a text that is long enough to be damaged".getBytes(StandardCharsets.UTF_8));
      jar.closeEntry();
    }
    return file;
  }
}
