package dev.hydra.bench;

import dev.hydra.api.HydraPlugin;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** What can be wrong with the code of a plugin, or with what it asks of its host. */
public enum Fault {
  /** Its component cannot be created. */
  CONSTRUCTOR("this component cannot be made"),
  /** One of its classes cannot be initialised. */
  STATIC_INITIALISER("ExceptionInInitializerError"),
  /** Creating its component does not end. */
  HANG("was not done after"),
  /** What its component computes is not finite. */
  NAN("is not finite"),
  /** The shape of what its component computes is wrong. */
  SHAPE("has shape"),
  /** Its component looks at later tokens. */
  NOT_CAUSAL("is not causal"),
  /** Its component asks for more parameters than fit into memory. */
  MEMORY("no memory for parameter"),
  /** It is made for another version of the framework. */
  API_VERSION("needs package dev.hydra.api"),
  /** It is made for another version of LibTorch. */
  LIBTORCH_VERSION("needs package org.bytedeco.pytorch");

  private static final String FOLDER = "dev/hydra/swapproof/";
  private static final String FACTORY = "dev.hydra.swapproof.FaultyFactory";
  private static final List<String> CLASSES = List.of("FaultyFactory", "Uninitialisable");

  private final String sign;

  Fault(String sign) {
    this.sign = sign;
  }

  /** Returns what a refusal says that is made because of it. */
  public String sign() {
    return sign;
  }

  /** Its name in configurations and reports. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Writes a plugin that has it.
   *
   * @param classes the jar of the broken component's classes, which is never installed itself
   * @param jar the file
   * @param type the mixer type that the plugin offers
   * @throws IOException if the classes are missing or the jar cannot be written
   */
  public void write(Path classes, Path jar, String type) throws IOException {
    try (JarFile broken = new JarFile(classes.toFile());
        JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest(type))) {
      for (String each : CLASSES) {
        JarEntry entry = broken.getJarEntry(FOLDER + each + ".class");
        if (entry == null) {
          throw new IOException(classes + " lacks " + each);
        }
        out.putNextEntry(new JarEntry(entry.getName()));
        try (InputStream in = broken.getInputStream(entry)) {
          in.transferTo(out);
        }
      }
      out.putNextEntry(new JarEntry(FOLDER + "fault"));
      out.write(label().getBytes(StandardCharsets.UTF_8));
    }
  }

  private Manifest manifest(String type) {
    Manifest manifest = new Manifest();
    Attributes headers = manifest.getMainAttributes();
    headers.putValue("Manifest-Version", "1.0");
    headers.putValue("Bundle-ManifestVersion", "2");
    headers.putValue("Bundle-SymbolicName", "fault." + label());
    headers.putValue("Bundle-Version", "1.0.0");
    headers.putValue(
        "Import-Package",
        "dev.hydra.api%s,dev.hydra.libtorch.runtime,org.bytedeco.pytorch%s"
            .formatted(
                this == API_VERSION ? ";version=\"[99,100)\"" : "",
                this == LIBTORCH_VERSION ? ";version=\"[99,100)\"" : ""));
    headers.putValue(
        "Provide-Capability",
        "osgi.serviceloader;osgi.serviceloader=\"%s\";register:=\"%s\";hydra.type=\"%s\""
            .formatted(HydraPlugin.SERVICE, FACTORY, type));
    headers.putValue(
        "Require-Capability", "osgi.extender;filter:=\"(osgi.extender=dev.hydra.plugin)\"");
    return manifest;
  }
}
