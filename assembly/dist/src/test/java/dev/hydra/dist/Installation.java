package dev.hydra.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A copy of the distribution to spoil, with the launcher and its class path only. */
record Installation(Path home) {
  static Installation copyTo(Path home) throws IOException {
    copy(Hydra.HOME.resolve("bin"), home.resolve("bin"));
    copy(Hydra.HOME.resolve("lib"), home.resolve("lib"));
    Files.createDirectories(home.resolve("plugins"));
    return new Installation(home);
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (Path file : list(from)) {
      if (Files.isRegularFile(file)) {
        Files.copy(file, to.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
      }
    }
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  Path script() {
    return home.resolve("bin/hydra");
  }

  Path plugins() {
    return home.resolve("plugins");
  }

  /** Takes away a part of the class path. */
  void deleteLibrary(String prefix) throws IOException {
    for (Path jar : list(home.resolve("lib"))) {
      if (jar.getFileName().toString().startsWith(prefix)) {
        Files.delete(jar);
      }
    }
  }

  /** Forbids everybody but root to write, and tells when each file and folder last changed. */
  Map<Path, FileTime> freeze() throws IOException {
    for (Path path : all()) {
      path.toFile().setWritable(false, false);
    }
    return times();
  }

  Map<Path, FileTime> times() throws IOException {
    Map<Path, FileTime> times = new TreeMap<>();
    for (Path path : all()) {
      times.put(path, Files.getLastModifiedTime(path));
    }
    return times;
  }

  /** Allows writing again, so that the copy can be deleted. */
  void thaw() throws IOException {
    for (Path path : all()) {
      path.toFile().setWritable(true, true);
    }
  }

  private List<Path> all() throws IOException {
    try (Stream<Path> paths = Files.walk(home)) {
      return new ArrayList<>(paths.toList());
    }
  }
}
