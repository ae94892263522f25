package dev.hydra.data;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds the files that names in a configuration mean: files, folders, and patterns. */
final class FileNames {
  private static final String WILDCARDS = ".*[*?\\[{].*";

  private FileNames() {}

  /**
   * Finds the files of names, in their order. A folder means all files in it and below, sorted by
   * name, without those whose names begin with a dot; a pattern (of {@code *}, {@code **}, {@code
   * ?}, {@code []} and {@code {}}) all files that it matches, sorted likewise.
   *
   * @throws CorpusException if a name means no file, naming every path tried
   */
  static List<Path> find(List<String> names, List<Path> roots) {
    List<Path> files = new ArrayList<>();
    for (String name : names) {
      files.addAll(find(name, roots));
    }
    return files;
  }

  private static List<Path> find(String name, List<Path> roots) {
    if (name.matches(WILDCARDS) && candidates(name, roots).stream().noneMatch(Files::exists)) {
      return matching(name, roots);
    }
    Path found = file(name, roots);
    if (!Files.isDirectory(found)) {
      return List.of(found);
    }
    List<Path> inside = below(found);
    if (inside.isEmpty()) {
      throw new CorpusException("there is no file in the folder " + found);
    }
    return inside;
  }

  /**
   * Finds the file or folder of a name: an absolute name as it is, a relative one in the first
   * folder that has it.
   *
   * @throws CorpusException if there is none, naming every path tried
   */
  static Path file(String name, List<Path> roots) {
    List<Path> candidates = candidates(name, roots);
    return candidates.stream()
        .filter(Files::exists)
        .findFirst()
        .orElseThrow(
            () ->
                new CorpusException(
                    "there is no file \""
                        + name
                        + "\"; looked for "
                        + candidates.stream()
                            .map(Path::toString)
                            .collect(Collectors.joining(", "))));
  }

  private static List<Path> candidates(String name, List<Path> roots) {
    if (name.contains("://")) {
      throw new CorpusException(
          "\""
              + name
              + "\" is an address, and only files are read; get it first, then name the file");
    }
    Path path;
    try {
      path = Path.of(name);
    } catch (InvalidPathException e) {
      throw new CorpusException("\"" + name + "\" cannot be a file name: " + e.getReason(), e);
    }
    return path.isAbsolute()
        ? List.of(path)
        : roots.stream().map(root -> root.resolve(path).toAbsolutePath().normalize()).toList();
  }

  private static List<Path> matching(String pattern, List<Path> roots) {
    List<Path> tried = candidates(pattern, roots);
    for (Path each : tried) {
      PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + each);
      Path folder = each;
      while (folder != null && folder.toString().matches(WILDCARDS)) {
        folder = folder.getParent();
      }
      List<Path> files =
          folder == null || !Files.isDirectory(folder)
              ? List.of()
              : below(folder).stream().filter(matcher::matches).toList();
      if (!files.isEmpty()) {
        return files;
      }
    }
    throw new CorpusException(
        "no file matches \""
            + pattern
            + "\"; looked for "
            + tried.stream().map(Path::toString).collect(Collectors.joining(", ")));
  }

  private static List<Path> below(Path folder) {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile)
          .filter(file -> !hidden(folder.relativize(file)))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new CorpusException("the folder " + folder + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static boolean hidden(Path relative) {
    for (Path part : relative) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }
}
