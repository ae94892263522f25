package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory limits of the control groups that a process is in, as containers and batch systems set
 * them: who goes beyond is killed, however much memory the machine has.
 *
 * @param groups where the groups are mounted
 * @param membership a file that says which groups these are
 */
record MemoryLimits(Path groups, Path membership) {
  private static final String UNIFIED = "0::";
  private static final String MEMORY = "memory";

  /** The names of files in one version of control groups. */
  private record Names(String limit, String usage, String reclaimable) {}

  private static final List<Names> VERSIONS =
      List.of(
          new Names("memory.max", "memory.current", "inactive_file "),
          new Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "));

  /** Reads a number of bytes of a group. */
  @FunctionalInterface
  private interface Reading {
    long of(Path folder, Names names) throws IOException;
  }

  /** Returns the limits of this process. */
  static MemoryLimits own() {
    return new MemoryLimits(Path.of("/sys/fs/cgroup"), Path.of("/proc/self/cgroup"));
  }

  /**
   * Returns the bytes that are left below the narrowest limit; the largest number if there is none.
   */
  long room() {
    return least(MemoryLimits::room);
  }

  /** Returns the narrowest limit in bytes; the largest number if there is none. */
  long limit() {
    return least(MemoryLimits::limit);
  }

  private long least(Reading reading) {
    long least = Long.MAX_VALUE;
    for (Path folder : folders()) {
      for (Names names : VERSIONS) {
        try {
          least = Math.min(least, reading.of(folder, names));
        } catch (IOException | NumberFormatException e) {
          // there is no such group, or no limit ("max")
        }
      }
    }
    return least;
  }

  /** Lists the groups and those above them: a limit holds for all below. */
  private List<Path> folders() {
    List<Path> folders = new ArrayList<>();
    try {
      for (String line : Files.readString(membership).lines().toList()) {
        String[] parts = line.split(":", 3);
        if (parts.length == 3 && (line.startsWith(UNIFIED) || parts[1].equals(MEMORY))) {
          Path top = line.startsWith(UNIFIED) ? groups : groups.resolve(MEMORY);
          Path group = Path.of("/").relativize(Path.of(parts[2]).normalize());
          for (int depth = 0; depth <= group.getNameCount(); depth++) {
            folders.add(depth == 0 ? top : top.resolve(group.subpath(0, depth)));
          }
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      return List.of(); // it is a precaution
    }
    return folders;
  }

  private static long limit(Path folder, Names names) throws IOException {
    return number(folder.resolve(names.limit()));
  }

  private static long room(Path folder, Names names) throws IOException {
    return limit(folder, names)
        - number(folder.resolve(names.usage()))
        + reclaimable(folder, names);
  }

  private static long number(Path file) throws IOException {
    return Long.parseLong(Files.readString(file).strip());
  }

  /** Returns the bytes of files that are only cached. */
  private static long reclaimable(Path folder, Names names) throws IOException {
    return Files.readString(folder.resolve("memory.stat"))
        .lines()
        .filter(line -> line.startsWith(names.reclaimable()))
        .map(line -> Long.parseLong(line.substring(names.reclaimable().length()).strip()))
        .findFirst()
        .orElse(0L);
  }
}
