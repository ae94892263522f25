package dev.hydra.launcher;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder in which JavaCPP looks for native libraries, laid out as it does that itself.
 *
 * @param own a folder above it that anybody could have made, so it is used if it is ours only
 */
record NativeCache(Path folder, Optional<Path> own) {
  /** Nobody else may change what is loaded, whatever the umask. */
  static final FileAttribute<Set<PosixFilePermission>> FOLDER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x"));

  private static final String PROPERTY = "org.bytedeco.javacpp.cachedir";

  /**
   * JavaCPP's own lock, so that other programs which use its cache wait for us, and we for them.
   */
  private static final String LOCK = ".lock";

  private static final String REMEDY = "set HYDRA_CACHE to a folder that can be written";

  /**
   * Finds or makes a folder that holds some files: the one that is set, the one in the home folder,
   * or one among the temporary files.
   */
  static NativeCache holding(List<NativeFile> files, Consumer<String> warnings) {
    List<NativeCache> candidates = candidates();
    // A folder that was asked for is not passed over because another one is complete.
    int asked = setting().isPresent() ? 1 : candidates.size();
    Optional<NativeCache> complete =
        candidates.stream().limit(asked).filter(cache -> cache.holds(files)).findFirst();
    return complete.orElseGet(() -> filled(candidates, files, warnings));
  }

  private static List<NativeCache> candidates() {
    List<NativeCache> found = new ArrayList<>();
    setting().ifPresent(set -> found.add(new NativeCache(set, Optional.empty())));
    home()
        .ifPresent(
            home -> found.add(new NativeCache(home.resolve(".javacpp/cache"), Optional.empty())));
    Path temporary = Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
    Path own = temporary.resolve(".javacpp-" + System.getProperty("user.name"));
    found.add(new NativeCache(own.resolve("cache"), Optional.of(own)));
    return found;
  }

  private static Optional<Path> setting() {
    return Optional.ofNullable(System.getProperty(PROPERTY))
        .filter(set -> !set.isEmpty())
        .map(set -> Path.of(set).toAbsolutePath());
  }

  /**
   * Returns the home folder, which Java does not know of users whom the system does not know;
   * containers often run as such.
   */
  private static Optional<Path> home() {
    return Stream.of(System.getProperty("user.home", ""), System.getenv().getOrDefault("HOME", ""))
        .map(Path::of)
        .filter(Path::isAbsolute)
        .findFirst();
  }

  /** Says whether nobody else could have put libraries there. */
  private boolean isTrusted() {
    return own.map(NativeCache::isPrivate).orElse(true);
  }

  private static boolean isPrivate(Path path) {
    try {
      PosixFileAttributes found =
          Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      Path probe = Files.createTempFile(path, "owner-", "");
      try {
        return found.isDirectory()
            && found.owner().equals(Files.getOwner(probe))
            && !found.permissions().contains(PosixFilePermission.GROUP_WRITE)
            && !found.permissions().contains(PosixFilePermission.OTHERS_WRITE);
      } finally {
        Files.delete(probe);
      }
    } catch (IOException absent) {
      return false;
    }
  }

  private boolean holds(List<NativeFile> files) {
    return isTrusted() && files.stream().allMatch(file -> file.isIn(folder));
  }

  private static NativeCache filled(
      List<NativeCache> candidates, List<NativeFile> files, Consumer<String> warnings) {
    List<String> problems = new ArrayList<>();
    for (NativeCache cache : candidates) {
      try {
        if (!cache.holds(files)) {
          cache.fill(files, warnings);
        }
        if (!problems.isEmpty()) {
          warnings.accept(
              "the native libraries are in "
                  + cache.folder
                  + ", as they cannot be unpacked into "
                  + String.join("; ", problems)
                  + "; to choose the folder, "
                  + REMEDY);
        }
        return cache;
      } catch (IOException e) {
        problems.add(cache.folder + " (" + reason(e) + ")");
      }
    }
    throw new StartException(
        "the native libraries cannot be unpacked into "
            + String.join("; ", problems)
            + ": "
            + REMEDY
            + " and has room for "
            + files.stream().mapToLong(NativeFile::size).sum() / 1_000_000
            + " MB");
  }

  private static String reason(IOException thrown) {
    if (thrown instanceof AccessDeniedException) {
      return "it may not be written";
    }
    String reason = thrown instanceof FileSystemException file ? file.getReason() : null;
    return reason == null ? Problem.rootCause(thrown) : reason;
  }

  /** Unpacks what is not there as it should be, one process at a time. */
  private void fill(List<NativeFile> files, Consumer<String> warnings) throws IOException {
    Files.createDirectories(folder, FOLDER);
    if (!isTrusted()) {
      throw new IOException("somebody else made it");
    }
    try (FileChannel channel =
            FileChannel.open(
                folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = lock(channel)) {
      List<NativeFile> missing = files.stream().filter(file -> !file.isIn(folder)).toList();
      if (lock != null) {
        deleteParts(missing);
      }
      List<String> damaged =
          missing.stream()
              .filter(file -> file.hasOtherSizeIn(folder))
              .map(NativeFile::name)
              .toList();
      mend(missing);
      if (!damaged.isEmpty()) {
        warnings.accept(
            "mended native libraries in "
                + folder
                + " that were damaged: "
                + String.join(", ", damaged));
      }
    }
  }

  /**
   * Locks the channel; null where the file system has no locks: then two processes may do the same
   * work twice.
   */
  private static @Nullable FileLock lock(FileChannel channel) {
    try {
      return channel.lock();
    } catch (IOException noLocks) {
      return null;
    }
  }

  private void mend(List<NativeFile> missing) throws IOException {
    try {
      missing.parallelStream().forEach(this::mend);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void mend(NativeFile file) {
    try {
      if (Files.isRegularFile(file.in(folder)) && file.hasRightContentIn(folder)) {
        file.stampIn(folder);
      } else {
        file.unpackTo(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes what killed processes have left, which is large. Nobody else is writing now. */
  private void deleteParts(List<NativeFile> missing) throws IOException {
    for (Path parent :
        missing.stream().map(file -> file.in(folder).getParent()).distinct().toList()) {
      if (Files.isDirectory(parent)) {
        try (Stream<Path> paths = Files.list(parent)) {
          for (Path part :
              paths.filter(path -> path.toString().endsWith(NativeFile.PART)).toList()) {
            Files.deleteIfExists(part);
          }
        }
      }
    }
  }

  /** Tells JavaCPP, which must not have been used before. */
  void use() {
    System.setProperty(PROPERTY, folder.toString());
  }
}
