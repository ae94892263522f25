package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.global.torch;

/**
 * LibTorch's classes, some 1,700: its library looks up nearly all of them when it is loaded, one
 * after the other. A second thread loads them meanwhile; it initialises none.
 */
final class LibTorchClasses {
  private static final Pattern CLASS = Pattern.compile("(org/bytedeco/pytorch/[^/]+)\\.class");

  private LibTorchClasses() {}

  /** Begins to load them, where they come from a jar. */
  static void begin() {
    CodeSource source = torch.class.getProtectionDomain().getCodeSource();
    URL place = source == null ? null : source.getLocation();
    if (place == null || !place.getProtocol().equals("file")) {
      return;
    }
    Path jar = Path.of(URI.create(place.toString()));
    if (Files.isRegularFile(jar)) {
      Thread thread = new Thread(() -> load(jar), "hydra-classes");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private static void load(Path path) {
    try (JarFile jar = new JarFile(path.toFile())) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        Matcher matcher = CLASS.matcher(entry.getName());
        if (matcher.matches()) {
          load(matcher.group(1).replace('/', '.'));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void load(String name) {
    try {
      Class.forName(name, false, torch.class.getClassLoader());
    } catch (ClassNotFoundException | LinkageError e) {
      // who needs it is told
    }
  }
}
