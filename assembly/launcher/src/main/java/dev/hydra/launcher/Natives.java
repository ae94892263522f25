package dev.hydra.launcher;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/**
 * The native libraries on the class path, unpacked before anything loads one of them.
 *
 * <p>JavaCPP unpacks by itself, but checks only the file that it is about to load: what that one
 * depends on is taken as it lies. Half of a library, left by a start that was interrupted or still
 * being written by another process, ends the process with SIGBUS.
 */
final class Natives {
  /**
   * The place where JavaCPP's jars keep them: {@code
   * org/bytedeco/pytorch/linux-x86_64/libtorch.so}.
   */
  private static final Pattern LIBRARY =
      Pattern.compile("org/bytedeco/[^/]+/[^/]+/[^/]+\\.(so|dylib|dll)(\\.[^/]+)?");

  private final List<NativeFile> files;
  private final NativeCache cache;

  private Natives(List<NativeFile> files, NativeCache cache) {
    this.files = files;
    this.cache = cache;
  }

  /**
   * Unpacks what is missing or damaged.
   *
   * @param home the installation: the jars in its {@code lib} hold classes only
   * @param warnings takes a line for what was mended, or for a folder that could not be used
   * @throws StartException if a jar is damaged, or no folder can be written
   */
  static Natives unpack(Path home, Consumer<String> warnings) {
    List<NativeFile> files = onClassPath(home.resolve("lib"));
    NativeCache cache = NativeCache.holding(files, warnings);
    cache.use();
    return new Natives(files, cache);
  }

  private static List<NativeFile> onClassPath(Path lib) {
    List<NativeFile> files = new ArrayList<>();
    for (String element : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path path = Path.of(element);
      if (!lib.equals(path.getParent()) && Files.isRegularFile(path)) {
        addAll(path, files);
      }
    }
    return files;
  }

  private static void addAll(Path path, List<NativeFile> files) {
    try (JarFile jar = new JarFile(path.toFile())) {
      for (JarEntry entry : Collections.list(jar.entries())) {
        if (LIBRARY.matcher(entry.getName()).matches()) {
          files.add(
              new NativeFile(
                  path, entry.getName(), entry.getSize(), entry.getTime(), entry.getCrc()));
        }
      }
    } catch (IOException e) {
      throw new StartException(
          path + " cannot be read (" + Problem.rootCause(e) + "): install Hydra again", e);
    }
  }

  /**
   * Reads every file and unpacks those anew whose content is wrong.
   *
   * @return a line for people: how many there are, and where
   * @throws IOException if one cannot be read or mended
   */
  String check() throws IOException {
    List<String> wrong = new ArrayList<>();
    for (NativeFile file : files) {
      if (!file.hasRightContentIn(cache.folder())) {
        file.unpackTo(cache.folder());
        wrong.add(file.name());
      }
    }
    long bytes = files.stream().mapToLong(NativeFile::size).sum();
    return String.format(
        Locale.ROOT,
        "%d files, %d MB in %s, %s",
        files.size(),
        bytes / 1_000_000,
        cache.folder(),
        wrong.isEmpty()
            ? "contents right"
            : "damaged and unpacked anew: " + String.join(", ", wrong));
  }
}
