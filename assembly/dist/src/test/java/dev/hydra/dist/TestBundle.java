package dev.hydra.dist;

import dev.hydra.api.HydraPlugin;
import dev.hydra.dist.probe.ProbeCommand;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Packs test classes into a bundle; the manifest is written by hand so that it can be wrong. */
record TestBundle(Map<String, String> headers, List<Class<?>> classes) {
  static TestBundle of(String name, Class<?>... classes) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("Manifest-Version", "1.0");
    headers.put("Bundle-ManifestVersion", "2");
    headers.put("Bundle-SymbolicName", name);
    headers.put("Bundle-Version", "1.2.3");
    headers.put("Import-Package", "dev.hydra.api,org.osgi.framework");
    return new TestBundle(headers, List.of(classes));
  }

  /** A plugin that registers one factory, as bnd would write it for {@link HydraPlugin}. */
  static TestBundle plugin(String type, Class<?>... classes) {
    return registering(type, classes[0].getName(), classes);
  }

  /** A plugin that says it registers a class, whether or not that is in the jar. */
  static TestBundle registering(String type, String factory, Class<?>... classes) {
    return registering(HydraPlugin.SERVICE, type, factory, classes);
  }

  /** The same for any service. */
  static TestBundle registering(String service, String type, String factory, Class<?>... classes) {
    return of("plugin." + type, classes)
        .with(
            "Provide-Capability",
            "osgi.serviceloader;osgi.serviceloader=\"%s\";register:=\"%s\";hydra.type=\"%s\""
                .formatted(service, factory, type))
        .with(
            "Require-Capability",
            "osgi.extender;filter:=\"(osgi.extender=%s)\"".formatted(HydraPlugin.EXTENDER));
  }

  /** The bundle that takes the command line's place. */
  static TestBundle probe() {
    return of("probe", ProbeCommand.class)
        .with("Bundle-Activator", ProbeCommand.class.getName())
        .with(
            "Import-Package",
            "dev.hydra.api,dev.hydra.api.host,org.osgi.framework,org.bytedeco.javacpp,"
                + "org.bytedeco.pytorch;version=\"[2.10,2.11)\",org.bytedeco.pytorch.global");
  }

  TestBundle with(String header, String value) {
    Map<String, String> changed = new LinkedHashMap<>(headers);
    changed.put(header, value);
    return new TestBundle(changed, classes);
  }

  void writeTo(Path jar) {
    Manifest manifest = new Manifest();
    headers.forEach(
        (name, value) -> manifest.getMainAttributes().put(new Attributes.Name(name), value));
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar), manifest)) {
      for (Class<?> type : classes) {
        String name = type.getName().replace('.', '/') + ".class";
        out.putNextEntry(new JarEntry(name));
        try (InputStream in = type.getClassLoader().getResourceAsStream(name)) {
          in.transferTo(out);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
